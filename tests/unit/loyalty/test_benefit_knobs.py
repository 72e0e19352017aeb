"""Benefits: granted, changed and revoked with their terms, consumed one by one, each by an event."""

from features.event_time import ZoneRules
from loyalty.decisions import BenefitUse, Entitlement
from loyalty.explain_standing import explain_standing
from loyalty.scope import Scope
from tests.support.member_desk import DAY_MS, START_MS, Desk, action, ms, policy_of, purchase

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.

RULES = """
[[benefits]]
id = "delivery"
kind = "free_delivery"
quota = 2
per = "month"
[[benefits]]
id = "lounge"
kind = "partner_offer"
[[benefits]]
id = "tenth"
kind = "percent_discount"
value_bp = 1_000
value_minor = 5_000
[tiers]
basis = "visits"
ladder = [
  { id = "member", threshold = 0, benefits = ["delivery", "birthday"] },
  { id = "gold", threshold = 2, benefits = ["lounge", "delivery", "tenth"] },
]
"""


def use(desk: Desk, event_id: str, day: int, benefit: str, quantity: int = 1) -> str:
    """Use a benefit; returns the reason where it is refused."""
    desk.act(action("redeem", event_id, START_MS + day * DAY_MS, reward_id=benefit, quantity=quantity))
    return desk.notifications[-1].data.reason


def test_what_is_granted_comes_with_its_terms_and_what_is_revoked_by_name() -> None:
    desk = Desk(policy_of(RULES))
    for number in range(2):
        desk.act(purchase(f"o-{number}", START_MS, 100))
    joined, upgraded = (change.data for change in desk.tier_changes)
    # what the policy says nothing more about, as of the birthday, has no terms
    assert joined.benefits_granted == ("delivery", "birthday")
    assert joined.entitlements == (Entitlement("delivery", "free_delivery", 2, "month"),)
    assert (upgraded.benefits_granted, upgraded.benefits_revoked) == (("lounge", "tenth"), ("birthday",))
    assert upgraded.entitlements == (
        Entitlement("lounge", "partner_offer"),
        Entitlement("tenth", "percent_discount", value_bp=1_000, value_minor=5_000),
    )


def test_each_use_is_an_event_that_counts_down_the_quota() -> None:
    desk = Desk(policy_of(RULES))
    answers = [use(desk, f"s-{number}", day, "delivery") for number, day in enumerate((0, 1, 2, 31))]
    assert answers == ["", "", "quota_used", ""]
    uses = [change.data.use for change in desk.tier_changes if change.data.kind == "benefit_consumed"]
    march, april = ms("2017-04-01"), ms("2017-05-01")
    assert uses == [
        BenefitUse("delivery", 1, 1, 2, march),
        BenefitUse("delivery", 1, 2, 2, march),
        BenefitUse("delivery", 1, 1, 2, april),
    ]
    assert desk.entries == []


def test_a_use_without_a_quota_is_an_event_too() -> None:
    desk = Desk(policy_of(RULES))
    for number in range(2):
        desk.act(purchase(f"o-{number}", START_MS, 100))
    assert use(desk, "s", 1, "lounge", 3) == ""
    assert desk.tier_changes[-1].data.use == BenefitUse("lounge", 3)


def under(text: str) -> Desk:
    """A member who sees the policy change to `text` on day 1."""
    desk = Desk(policy_of(RULES))
    desk.act(purchase("o-1", START_MS, 100))
    desk.later = (START_MS + DAY_MS, Scope(policy=policy_of(text), policy_version=2, zone=ZoneRules.utc()))
    desk.until(START_MS + 2 * DAY_MS)
    return desk


def test_new_terms_of_a_benefit_that_stays_are_told() -> None:
    desk = under(RULES.replace("quota = 2", "quota = 5"))
    change = desk.tier_changes[-1].data
    assert (change.kind, change.reason, change.benefits_changed) == ("benefits_changed", "policy_change", ("delivery",))
    assert change.entitlements == (Entitlement("delivery", "free_delivery", 5, "month"),)
    assert (change.benefits_granted, change.benefits_revoked) == ((), ())
    assert under(RULES + "\n").tier_changes[-1].data.kind == "joined"  # nothing has changed, nothing is said


def test_a_policy_that_moves_the_tier_and_its_benefits_tells_both() -> None:
    text = RULES.replace('"delivery", "birthday"', '"lounge"').replace("threshold = 2", "threshold = 1")
    first, second = (change.data for change in under(text).tier_changes[1:])
    assert (first.kind, first.benefits_granted, first.benefits_revoked) == (
        "benefits_changed",
        ("lounge",),
        ("delivery", "birthday"),
    )
    assert (second.kind, second.new_tier, second.benefits_granted) == ("upgraded", "gold", ("delivery", "tenth"))


def test_what_is_left_of_a_quota_can_be_asked_for() -> None:
    desk = Desk(policy_of(RULES))
    use(desk, "s", 0, "delivery")
    parts = (desk.account, desk.orders, desk.windows)
    assert explain_standing(*parts, desk.scope, START_MS) == (
        "Benefit delivery: 1 of 2 left, per month.\nBenefit birthday."
    )

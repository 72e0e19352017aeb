"""One suite over every preset: it loads, it is complete, and a member can live a year under it."""

from pathlib import Path

import pytest

from features.errors import PolicyError
from loyalty.effects import Claim, ClaimAnswer
from loyalty.explain import explain_entry, explain_last_award, explain_tier, explain_tier_change
from loyalty.owner_rows import REVIEW
from loyalty.policy import Policy, parse_policy
from streams.zones import zone_rules
from tests.support.member_desk import DAY_MS, Desk, action, ms, purchase, refund

FOLDER = Path(__file__).parents[2] / "deploy" / "policies"
PRESETS = sorted(path.name for path in FOLDER.glob("*.toml"))
START_MS = ms("2017-01-02T10:00:00")


@pytest.fixture(params=PRESETS)
def policy(request: pytest.FixtureRequest) -> Policy:
    name: str = request.param
    return parse_policy((FOLDER / name).read_text(encoding="utf-8"), name)


def a_year(policy: Policy, *, sweep_days: int = 0) -> Desk:
    """A member who buys each week, browses, reviews, returns something now and then, and spends points."""
    desk = Desk(policy, zone_rules(policy.programme.time_zone))
    currency = policy.programme.currency
    for week in range(52):
        at_ms = START_MS + week * 7 * DAY_MS
        for day in range(0, 7, sweep_days or 8):
            desk.until(at_ms - 7 * DAY_MS + day * DAY_MS)
        items = [
            {"item_id": "apple", "category": "PRODUCE", "amount": 1_500},
            {"item_id": "soap", "category": "DRUG GM", "amount": 10_500 + week * 150},
        ]
        amount = 12_000 + week * 150
        desk.act(purchase(f"o-{week}", at_ms, amount, currency, items=items))
        desk.act(action("browse", f"b-{week}", at_ms + DAY_MS, duration_ms=7_300_000))
        desk.act(action("share", f"h-{week}", at_ms + DAY_MS))
        desk.act(action("login", f"l-{week}", at_ms + DAY_MS))
        desk.act(
            action("review", f"v-{week}", at_ms + 2 * DAY_MS, item_id="apple", rating=5, text=f"good in week {week}")
        )
        for claim in [effect.body for effect in desk.effects if isinstance(effect.body, Claim)]:
            desk.receive(ClaimAnswer(owner=REVIEW, claim=claim.claim), at_ms + 2 * DAY_MS)  # nobody else wrote that
        desk.effects.clear()
        desk.act(action("coupon_redeem", f"c-{week}", at_ms + 3 * DAY_MS, coupon_id="c"))
        if week % 5 == 4:
            desk.act(refund(f"r-{week}", at_ms + 4 * DAY_MS, f"o-{week}", 1_500, currency, items=items[:1]))
        if week % 9 == 8:
            desk.act(action("redeem", f"s-{week}", at_ms + 5 * DAY_MS, reward_id="voucher-5"))
    desk.until(START_MS + 3 * 365 * DAY_MS)
    return desk


def test_a_year_under_the_preset_balances(policy: Policy) -> None:
    desk = a_year(policy)
    core = desk.account.core
    assert not desk.rejections
    assert core.active_points == sum(entry.data.active_points for entry in desk.entries)
    assert core.pending_points == sum(entry.data.pending_points for entry in desk.entries) == 0
    assert core.active_points == sum(lot.points for lot in core.active) - core.debt


def test_a_sweep_and_the_next_action_give_the_same_decisions(policy: Policy) -> None:
    assert a_year(policy).encoded == a_year(policy, sweep_days=1).encoded


def test_everything_that_happened_can_be_explained(policy: Policy) -> None:
    desk = a_year(policy)
    scale = policy.programme.point_scale
    for entry in desk.entries:
        text = explain_entry(entry, scale)
        assert entry.data.cause.id in text
        assert f"policy version {entry.data.policy_version}" in text
    for change in desk.tier_changes:
        assert change.data.new_tier in explain_tier_change(change)
    tier = explain_tier(desk.account, desk.orders, desk.windows, desk.scope, START_MS + 3 * 365 * DAY_MS)
    assert desk.tier in tier
    assert "policy version 1" in explain_last_award(desk.account, desk.scope)


def test_each_rule_of_the_preset_earns_within_the_year(policy: Policy) -> None:
    earning = {entry.data.rule for entry in a_year(policy).entries}
    assert {rule.id for rule in policy.earning if rule.unit == "points"} <= earning


def test_one_mistake_is_found_in_each_section() -> None:
    text = (FOLDER / "retail.toml").read_text(encoding="utf-8")
    broken = (
        text.replace('currency = "USD"', 'currency = "dollar"')
        .replace("pending_days = 14", "pending_days = -1")
        .replace('window = "calendar_year"', 'window = "calendar_decade"')
        .replace("threshold = 250", 'threshold = "low"')
        .replace("weight = 700", "weigth = 700")
    )
    with pytest.raises(PolicyError) as caught:
        parse_policy(broken, "retail.toml")
    paths = {problem.split(":")[0] for problem in caught.value.problems}
    assert paths == {
        "programme.currency",
        "points.pending_days",
        "tiers.window",
        "tiers.ladder[silver].threshold",
        "tiers.score[0].weigth",
        "tiers.score[0].weight",
    }

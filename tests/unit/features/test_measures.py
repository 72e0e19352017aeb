"""What each action adds to the measures, and that the declarations say the same."""

import msgspec
import pytest

from features.actions import ACTION_NAMES, Action, decode_action
from features.measures import measures_of, refunded_measures
from features.table import ACTIVITY, MEASURES, OWN_ACTIONS

DATA: dict[str, dict[str, object]] = {
    "browse": {"duration_ms": 42_000},
    "click": {"item_id": "p9"},
    "favourite": {"item_id": "p9"},
    "add_to_cart": {"item_id": "p9"},
    "purchase": {
        "order_id": "o-1",
        "amount": 2599,
        "currency": "EUR",
        "items": [{"item_id": "p9", "amount": 1299, "quantity": 2}, {"item_id": "p8", "amount": 1300}],
    },
    "refund": {"order_id": "o-1", "amount": 1299, "currency": "EUR"},
    "review": {"item_id": "p9", "rating": 4, "helpful_votes": 7},
    "referral": {"referred": "m-43"},
    "feedback": {"satisfaction": 5},
    "redeem": {"reward_id": "r1", "quantity": 3},
    "redeem_cancel": {"redeem_id": "e1"},
    "delivery": {"order_id": "o-1"},
    "coupon_redeem": {"coupon_id": "c1"},
    "campaign_received": {"campaign_id": "k1"},
    "misconduct": {"kind": "fake review", "severity": 2},
    "adjust": {"points": -5, "operator": "ann", "reason": "typing error"},
    "link_identity": {"other": "m-44"},
    "consent": {"purpose": "profiling", "granted": True},
}

# Measures beyond `activity_count`, with amounts in the programme's currency where there are any (2,700 minor).
EXPECTED = {
    "enroll": {},
    "login": {"login_count": 1},
    "browse": {"browse_count": 1, "browse_ms": 42_000},
    "search": {"search_count": 1},
    "click": {"click_count": 1},
    "favourite": {"favourite_count": 1},
    "add_to_cart": {"add_to_cart_count": 1},
    "purchase": {"purchase_count": 1, "spend_minor": 2_700, "item_count": 3},
    "refund": {"refund_count": 1, "refund_minor": 2_700},
    "review": {"review_count": 1, "rating_stars": 4, "helpful_vote_count": 7},
    "share": {"share_count": 1},
    "referral": {"referral_count": 1},
    "feedback": {"feedback_count": 1, "satisfaction_points": 5},
    "redeem": {"redeem_count": 3},
    "coupon_redeem": {"coupon_redeem_count": 1},
    "campaign_received": {"campaign_received_count": 1},
    "misconduct": {"misconduct_count": 1, "severity_points": 2},
    "adjust": {},
    "link_identity": {},
    "consent": {},
    "erase": {},
    "redeem_cancel": {},
    "delivery": {},
}


def action_of(name: str) -> Action:
    envelope = {
        "specversion": "1.0",
        "id": "e-1",
        "source": "shop/web",
        "type": f"loyalty.action.{name}",
        "time": "2017-03-04T18:22:05Z",
        "subject": "m-42",
        "data": DATA.get(name, {}),
    }
    return decode_action(msgspec.json.encode(envelope))


@pytest.mark.parametrize("name", ACTION_NAMES)
def test_each_action_adds_what_it_should(name: str) -> None:
    amounts = measures_of(action_of(name), 2_700)
    named = {MEASURES[measure].name: value for measure, value in amounts}
    assert named.pop("activity_count", 0) == (1 if name in OWN_ACTIONS else 0)
    assert named == EXPECTED[name]


@pytest.mark.parametrize("name", ACTION_NAMES)
def test_an_action_changes_exactly_the_measures_that_declare_it_as_a_source(name: str) -> None:
    changed = {measure for measure, _ in measures_of(action_of(name), 2_700)}
    if name == "refund":
        changed |= {measure for measure, _ in refunded_measures(2_700, 3, in_full=True)}
    assert changed == {index for index, measure in enumerate(MEASURES) if name in measure.sources}


def test_every_source_is_an_action() -> None:
    assert {source for measure in MEASURES for source in measure.sources} <= set(ACTION_NAMES)


@pytest.mark.parametrize("name", ACTION_NAMES)
def test_amounts_are_in_order_and_never_negative(name: str) -> None:
    amounts = measures_of(action_of(name), 0)
    assert [measure for measure, _ in amounts] == sorted({measure for measure, _ in amounts})
    assert all(value >= 0 for _, value in amounts)


def test_a_full_refund_takes_back_all_that_its_purchase_added_but_the_activity() -> None:
    added = dict(measures_of(action_of("purchase"), 2_700))
    assert added.pop(ACTIVITY) == 1
    assert dict(refunded_measures(2_700, 3, in_full=True)) == added


def test_a_partial_refund_leaves_the_purchase_standing() -> None:
    assert dict(refunded_measures(1_000, 1, in_full=False)) == {2: 1_000, 3: 1}

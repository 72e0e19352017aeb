"""What to do with a delivery, as a function of delivery, contact, rules and time."""

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.event_time import HOUR_MS, ZoneRules
from loyalty.decisions import NotificationKind
from streams.notify.contacts import Contact
from streams.notify.deciding import GiveUp, Leave, Reach, Rules, Send, Wait, after, decide, retry_delay_ms
from streams.notify.deliveries import Failed, HandedOver
from streams.notify.quiet_hours import parse_quiet_hours
from streams.notify.settings import NotifySettings
from tests.support.post_office import NOON_MS, delivery_of, notification, record

RULES = Rules(
    keep_trying_ms=72 * HOUR_MS,
    first_retry_ms=10_000,
    longest_retry_ms=1_800_000,
    urgent=frozenset({"reward_granted"}),
)
NIGHT_MS = NOON_MS + 10 * HOUR_MS
MORNING_MS = NOON_MS + 20 * HOUR_MS
DELIVERY = delivery_of(record())


def reach(address: str | None = "a@example.org", quiet: str = "21:00-08:00", **contact: tuple[str, ...]) -> Reach:
    return Reach(msgspec.convert(contact, Contact), address, ZoneRules.utc(), parse_quiet_hours(quiet))


def test_by_day_it_is_sent_and_by_night_it_waits_for_the_morning() -> None:
    assert decide(DELIVERY, notification(), reach(), RULES, NOON_MS) == Send("a@example.org")
    assert decide(DELIVERY, notification(), reach(), RULES, NIGHT_MS) == Wait(MORNING_MS)
    assert decide(DELIVERY, notification(), reach(), RULES, MORNING_MS) == Send("a@example.org")


def test_what_is_urgent_comes_at_any_hour_and_the_answer_to_a_redemption_is_by_default() -> None:
    granted = notification("reward_granted")
    assert decide(DELIVERY, granted, reach(), RULES, NIGHT_MS) == Send("a@example.org")
    answers = {kind for kind in get_args(NotificationKind) if kind.startswith("reward_")}
    assert set(NotifySettings().urgent) == answers


@pytest.mark.parametrize("opted_out", ["email", "tier_upgraded"])
def test_what_the_member_does_not_want_is_left_even_if_there_is_no_address(opted_out: str) -> None:
    assert decide(DELIVERY, notification(), reach(None, opted_out=(opted_out,)), RULES, NOON_MS) == Leave(taken=False)
    assert decide(DELIVERY, notification(), reach(opted_out=("sms", "draw_won")), RULES, NOON_MS) == Send(
        "a@example.org"
    )


def test_without_an_address_it_is_given_up_and_an_empty_one_is_enough_where_none_is_needed() -> None:
    assert decide(DELIVERY, notification(), reach(None), RULES, NOON_MS) == GiveUp("no_address")
    assert decide(DELIVERY, notification(), reach(""), RULES, NOON_MS) == Send("")


def test_what_has_waited_for_too_long_is_given_up_with_what_it_failed_by() -> None:
    old = msgspec.structs.replace(DELIVERY, code="http 503", attempts=7)
    last_ms = NOON_MS + RULES.keep_trying_ms
    assert decide(old, notification(), reach(quiet="none"), RULES, last_ms - 1) == Send("a@example.org")
    assert decide(old, notification(), reach(quiet="none"), RULES, last_ms) == GiveUp("not_reached", "http 503")
    assert decide(DELIVERY, notification(), reach(quiet="none"), RULES, last_ms) == GiveUp("too_old")


@pytest.mark.parametrize("kind", ["points_will_expire", "offer_made"])
def test_nobody_is_told_that_points_will_expire_which_have_or_of_an_offer_that_is_over(kind: NotificationKind) -> None:
    soon = notification(kind, due_ms=NOON_MS + 1)
    assert decide(DELIVERY, soon, reach(), RULES, NOON_MS) == Send("a@example.org")
    assert decide(DELIVERY, soon, reach(), RULES, NOON_MS + 1) == GiveUp("overdue")
    tier = notification("tier_upgraded", due_ms=NOON_MS)
    assert decide(DELIVERY, tier, reach(), RULES, NOON_MS + 1) == Send("a@example.org")


def test_what_was_taken_is_done_and_what_was_refused_for_good_is_not_tried_again() -> None:
    assert after(DELIVERY, HandedOver(), RULES, NOON_MS) == Leave(taken=True)
    refused = Failed(code="smtp 550", reason="refused", for_good=True)
    assert after(DELIVERY, refused, RULES, NOON_MS) == GiveUp("refused", "smtp 550")


def test_a_failure_is_tried_again_until_there_is_no_time_left() -> None:
    failed = Failed(code="TimeoutError")
    assert after(DELIVERY, failed, RULES, NOON_MS) == Wait(NOON_MS + retry_delay_ms(DELIVERY, RULES), "TimeoutError")
    last_ms = NOON_MS + RULES.keep_trying_ms
    assert after(DELIVERY, failed, RULES, last_ms - 1) == GiveUp("not_reached", "TimeoutError")


def test_a_receiver_that_asks_for_time_gets_it_and_never_less_than_the_schedule_has() -> None:
    asked = Failed(code="http 429", retry_after_ms=HOUR_MS)
    assert after(DELIVERY, asked, RULES, NOON_MS) == Wait(NOON_MS + HOUR_MS, "http 429")
    soon = Failed(code="http 429", retry_after_ms=1)
    assert after(DELIVERY, soon, RULES, NOON_MS) == Wait(NOON_MS + retry_delay_ms(DELIVERY, RULES), "http 429")


@given(attempts=st.integers(0, 200), sequence=st.integers(1, 50))
def test_waits_double_up_to_the_longest_less_a_share_that_follows_from_delivery_and_attempt(
    attempts: int, sequence: int
) -> None:
    delivery = delivery_of(record(sequence=sequence), attempts=attempts)
    longest_ms = min(RULES.longest_retry_ms, RULES.first_retry_ms * 2**attempts)
    assert longest_ms / 2 <= retry_delay_ms(delivery, RULES) <= longest_ms
    assert retry_delay_ms(delivery, RULES) == retry_delay_ms(delivery, RULES)


def test_deliveries_that_fail_together_do_not_come_again_together() -> None:
    delays = {retry_delay_ms(delivery_of(record(member=f"m-{n}"), attempts=9), RULES) for n in range(100)}
    assert len(delays) > 95

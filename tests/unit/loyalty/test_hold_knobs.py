"""Holds by the learned misconduct score: what a verdict may do is for the policy to say."""

import pytest

from loyalty.engine import apply_addressed
from loyalty.explain import explain_entry
from loyalty.verdicts import Ruling, Verdict
from tests.support.member_desk import DAY_MS, MEMBER, START_MS, Desk, action, policy_of, purchase, refund

RULES = """
[points]
pending_days = 10
[[holds]]
id = "fraud"
days = 12
[[holds]]
id = "unusual"
by = "anomaly"
score_from = 700
days = 30
[[holds]]
id = "bot"
by = "anomaly"
score_from = 950
days = 60
cancels = true
[[earning]]
id = "purchase"
action = "purchase"
points = 1
per_minor = 100
"""


def rule(desk: Desk, day: int, ruling: Ruling, score: int, example_offset: int) -> None:
    """A verdict that arrives on a day."""
    verdict = Verdict(MEMBER, ruling, score, "40 orders in an hour", example_offset, START_MS)
    log_time_ms = START_MS + day * DAY_MS
    desk.until(log_time_ms)
    parts = (desk.account, desk.orders, desk.windows)
    desk.take(apply_addressed(parts, verdict, desk.scope, log_time_ms))


def with_points() -> Desk:
    """100 points of day 0, to be active on day 10; 50 of day 5, to be active on day 15."""
    desk = Desk(policy_of(RULES), cold=True)
    desk.act(purchase("o-1", START_MS, 10_000))
    desk.act(purchase("o-2", START_MS + 5 * DAY_MS, 5_000))
    return desk


@pytest.mark.parametrize(
    ("score", "until_day"),
    [
        (699, 0),  # no rule holds by it
        (700, 6 + 30),  # `unusual`, from day 6
        (949, 6 + 30),
        (950, 6 + 60),  # `bot` too, and the longer one counts
    ],
)
def test_the_score_holds_from_where_the_policy_says_and_for_how_long(score: int, until_day: int) -> None:
    desk = with_points()
    rule(desk, 6, "hold", score, 1)
    assert desk.account.core.hold_ms == (START_MS + until_day * DAY_MS if until_day else 0)
    held = [entry.data for entry in desk.entries if entry.data.kind == "held"]
    assert [(data.rule, data.misconduct_score) for data in held] == [
        (name, score) for name, least in (("unusual", 700), ("bot", 950)) if score >= least
    ]
    if until_day:
        desk.until(START_MS + until_day * DAY_MS - 1)
        assert (desk.pending, desk.active) == (150, 0)
    desk.until(START_MS + 70 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 150)


def test_a_verdict_releases_what_a_verdict_held_and_points_keep_their_own_dates() -> None:
    desk = with_points()
    rule(desk, 6, "hold", 700, 1)
    desk.act(purchase("o-3", START_MS + 11 * DAY_MS, 2_000))  # its return period ends on day 21
    rule(desk, 12, "release", 100, 2)
    desk.until(START_MS + 12 * DAY_MS)
    assert (desk.pending, desk.active) == (50 + 20, 100)
    desk.until(START_MS + 21 * DAY_MS - 1)
    assert (desk.pending, desk.active) == (20, 150)
    desk.until(START_MS + 21 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 170)


def test_a_verdict_does_not_release_what_reported_misconduct_holds() -> None:
    desk = with_points()
    desk.act(action("misconduct", "m", START_MS + 6 * DAY_MS, kind="fraud", severity=3))  # holds to day 18
    rule(desk, 7, "hold", 700, 1)  # and this to day 37
    desk.until(START_MS + 16 * DAY_MS)
    rule(desk, 17, "release", 0, 2)
    desk.until(START_MS + 18 * DAY_MS - 1)
    assert (desk.pending, desk.active) == (150, 0)
    desk.until(START_MS + 18 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 150)


def test_an_operators_word_ends_both_kinds_of_hold() -> None:
    desk = with_points()
    desk.act(action("misconduct", "m", START_MS + 6 * DAY_MS, kind="fraud", severity=3))
    rule(desk, 7, "hold", 700, 1)
    word = {"operator": "ann", "reason": "it was a wedding", "verdict": "release"}
    desk.act(action("adjust", "a", START_MS + 16 * DAY_MS, **word))
    desk.until(START_MS + 16 * DAY_MS)
    assert (desk.pending, desk.active) == (0, 150)


def test_a_verdict_cancels_only_where_the_policy_lets_the_score_cancel() -> None:
    desk = with_points()
    rule(desk, 6, "cancel", 949, 1)  # `unusual` may hold, not cancel
    assert desk.pending == 150
    rule(desk, 7, "cancel", 950, 2)
    assert (desk.pending, desk.active) == (0, 0)
    last = desk.entries[-1]
    assert (last.data.kind, last.data.rule, last.data.action) == ("cancelled", "bot", "verdict")
    assert "because: 40 orders in an hour" in explain_entry(last)
    assert "misconduct score: 950 of 1000" in explain_entry(last)
    desk.act(purchase("o-3", START_MS + 8 * DAY_MS, 30_000))
    desk.act(refund("r", START_MS + 9 * DAY_MS, "o-1", 10_000))  # its points are gone already
    assert desk.pending == 300


def test_a_verdict_that_is_sent_again_changes_nothing() -> None:
    desk = with_points()
    rule(desk, 6, "hold", 700, 1)
    rule(desk, 7, "release", 0, 2)
    said = len(desk.decisions)
    rule(desk, 8, "hold", 700, 1)
    assert (len(desk.decisions), desk.account.core.hold_ms) == (said, 0)


def test_the_return_period_does_not_end_with_a_hold() -> None:
    desk = with_points()
    desk.act(action("misconduct", "m", START_MS + 6 * DAY_MS, kind="fraud", severity=3))  # holds to day 18
    desk.act(purchase("o-3", START_MS + 7 * DAY_MS, 2_000))  # may come back until day 17
    word = {"operator": "ann", "reason": "a letter", "verdict": "release"}
    desk.act(action("adjust", "a", START_MS + 8 * DAY_MS, **word))
    desk.until(START_MS + 17 * DAY_MS - 1)
    assert (desk.pending, desk.active) == (20, 150)

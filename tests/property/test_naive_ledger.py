"""The incremental ledger agrees with one that starts from nothing at every step, on random and on real sequences."""

from datetime import datetime
from pathlib import Path

from hypothesis import given

from features.actions import Action, decode_action
from features.event_time import ZoneRules
from loyalty.policy import Policy, parse_policy
from streams.histories.files import read_lines
from streams.zones import zone_rules
from tests.support.laws import LEDGER_LAW
from tests.support.member_desk import DAY_MS, Desk, policy_of
from tests.support.member_histories import ALL, EVERYTHING, UNLIMITED, Step, histories
from tests.support.naive.agreement import assert_agreement, at
from tests.support.naive.ledger import NaiveLedger
from tests.support.partition_log import POLICIES
from tests.support.real_year import with_returns_and_rewards


def agree(policy: Policy, zone: ZoneRules, steps: list[Step], every: int = 1) -> Desk:
    """Go through the steps at a desk, and from the beginning after each of them; the desk."""
    desk = Desk(policy, zone)
    history: list[tuple[datetime, Action]] = []
    for number, step in enumerate(steps):
        desk.act(step.action, step.log_ms)
        history.append((at(step.log_ms), step.action))
        if number % every == 0:
            compare(desk, NaiveLedger(policy, history, at(step.log_ms)), step.log_ms)
    for days in (7, 45, 400, 900):
        end_ms = steps[-1].log_ms + days * DAY_MS
        desk.until(end_ms)
        compare(desk, NaiveLedger(policy, history, at(end_ms)), end_ms)
    return desk


def compare(desk: Desk, naive: NaiveLedger, now_ms: int) -> None:
    desk.until(now_ms)
    assert len(desk.rejections) == len(naive.refused)
    assert_agreement(desk.account.core, naive, now_ms)


INACTIVITY = policy_of(
    """
[points]
expiry = { kind = "inactivity", days = 20 }
[[earning]]
id = "purchase"
action = "purchase"
points = 3
per_minor = 100
[[earning]]
id = "login"
action = "login"
points = 4
expiry = { kind = "after_days", days = 30 }
"""
)


@LEDGER_LAW
@given(histories(ALL))
def test_with_everything_at_once(steps: list[Step]) -> None:
    agree(EVERYTHING, ZoneRules.utc(), steps)


@LEDGER_LAW
@given(histories(("purchase", "purchase", "refund", "redeem", "call_off", "adjust"), most=20))
def test_with_debts(steps: list[Step]) -> None:
    agree(UNLIMITED, ZoneRules.utc(), steps)


@LEDGER_LAW
@given(histories(("purchase", "refund", "login", "adjust"), most=20))
def test_with_expiry_by_inactivity(steps: list[Step]) -> None:
    agree(INACTIVITY, ZoneRules.utc(), steps)


def test_on_real_sequences(some_households: Path) -> None:
    """A year of some households, with returns and rewards on top."""
    policy = parse_policy((POLICIES / "retail.toml").read_text(encoding="utf-8"), "retail.toml")
    zone = zone_rules(policy.programme.time_zone)
    by_member: dict[str, list[Action]] = {}
    for line in with_returns_and_rewards(read_lines(some_households)):
        action = decode_action(line)
        by_member.setdefault(action.subject, []).append(action)
    kinds: set[str] = set()
    for member in sorted(by_member)[::16]:
        steps = [Step(action.time_ms, action) for action in by_member[member]]
        desk = agree(policy, zone, steps, every=9)
        kinds |= {entry.data.kind for entry in desk.entries}
    assert kinds == {"earned", "activated", "expired", "redeemed", "returned", "clawed_back", "cancelled"}

"""One member at a desk: actions go in at a log time, decisions come out, rows land in a dictionary.

What the pipeline does around the engine, and nothing more: due work first, then the action. `cold` reads all parts from
their rows before every step, as after a crash; otherwise they stay in memory.
"""

from datetime import UTC, datetime, timedelta

import msgspec

from features.actions import Action, decode_action
from features.event_time import ZoneRules
from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.consequences import Consequence
from loyalty.decisions import Decision, LedgerEntry, Notification, TierChange, encode_decision
from loyalty.effects import Effect
from loyalty.engine import Rejection, apply_action, run_due
from loyalty.orders import Orders
from loyalty.policy import Policy, parse_policy
from loyalty.reception import MemberEffect, Received, receive
from loyalty.scope import Scope
from loyalty.weights import STATIC, Weights

DAY_MS = 86_400_000
HOUR_MS = 3_600_000
START = datetime(2017, 3, 1, 12, tzinfo=UTC)
START_MS = int(START.timestamp()) * 1_000
MEMBER = "m-1"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def ms(text: str) -> int:
    """Milliseconds of an ISO 8601 instant; without an offset it is UTC."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000)


def action(kind: str, event_id: str, time_ms: int, /, **data: object) -> Action:
    """An action as the codec would deliver it."""
    body = {
        "specversion": "1.0",
        "id": event_id,
        "source": "shop/test",
        "type": f"loyalty.action.{kind}",
        "time": (_EPOCH + timedelta(milliseconds=time_ms)).isoformat(),
        "subject": MEMBER,
        "data": data,
    }
    return decode_action(msgspec.json.encode(body))


def purchase(order_id: str, time_ms: int, amount: int, currency: str = "USD", **data: object) -> Action:
    """A purchase whose event id is its order id."""
    return action("purchase", order_id, time_ms, order_id=order_id, amount=amount, currency=currency, **data)


def refund(event_id: str, time_ms: int, order_id: str, amount: int, currency: str = "USD", **data: object) -> Action:
    """A refund of an order."""
    return action("refund", event_id, time_ms, order_id=order_id, amount=amount, currency=currency, **data)


def policy_of(text: str) -> Policy:
    """A policy from its sections after `[programme]`, with little in it by default."""
    head = 'format = 1\n[programme]\nname = "Test"\ncurrency = "USD"\n'
    if "[tiers]" not in text:
        text += '\n[tiers]\nbasis = "spend"\nladder = [{ id = "member", threshold = 0 }]\n'
    return parse_policy(head + text, "test.toml")


class Desk:
    """A member's parts, the rows they land in, and all decisions so far."""

    def __init__(
        self, policy: Policy, zone: ZoneRules | None = None, *, cold: bool = False, weights: Weights = STATIC
    ) -> None:
        self.scope = Scope(policy=policy, zone=zone or ZoneRules.utc(), weights=weights)
        self.rows: dict[bytes, bytes] = {}
        self.decisions: list[Decision] = []
        self.effects: list[Effect] = []
        self.rejections: list[Rejection] = []
        self.cold = cold
        self.later: tuple[int, Scope] | None = None
        self._load()

    def _load(self) -> None:
        self.account = Account.load(self.rows.get)
        self.orders = Orders.load(self.rows.get)
        self.windows = ActivityWindows.load(self.rows.get)

    def save(self) -> int:
        """Let the changed rows land; returns how many bytes they are."""
        size = 0
        for part in (self.account, self.orders, self.windows):
            for suffix, payload in part.changed():
                if payload is None:
                    self.rows.pop(suffix, None)
                else:
                    self.rows[suffix] = payload
                    size += len(payload)
        if self.cold:
            self._load()
        return size

    def at(self, time_ms: int) -> Scope:
        """What decides at a time: `scope`, or from `later` on the other one."""
        return self.later[1] if self.later is not None and time_ms >= self.later[0] else self.scope

    def until(self, log_time_ms: int) -> list[Decision]:
        """Do what is due by a log time."""
        edits = () if self.later is None else ((self.later[0], self.later[1].policy_version),)
        decisions = run_due(self.account, self.orders, self.windows, log_time_ms, self.at, edits)
        return self.take(decisions)

    def receive(self, body: MemberEffect, time_ms: int, log_time_ms: int | None = None) -> list[Decision]:
        """Take in an effect; returns its decisions."""
        log_time_ms = time_ms if log_time_ms is None else log_time_ms
        self.until(log_time_ms)
        received = Received(self.account.core.member, time_ms, body)
        return self.take(receive((self.account, self.orders, self.windows), received, self.at(time_ms), log_time_ms))

    def take(self, consequences: list[Consequence]) -> list[Decision]:
        """Keep decisions and effects apart; returns the decisions."""
        self.effects += [each for each in consequences if isinstance(each, Effect)]
        decisions = [each for each in consequences if not isinstance(each, Effect)]
        self.decisions += decisions
        self.save()
        return decisions

    def act(self, action: Action, log_time_ms: int | None = None) -> list[Decision]:
        """Apply an action at a log time, by default its event time; returns its own decisions."""
        log_time_ms = action.time_ms if log_time_ms is None else log_time_ms
        self.until(log_time_ms)
        scope = self.at(action.time_ms)
        result = apply_action(self.account, self.orders, self.windows, action, scope, log_time_ms)
        if isinstance(result, Rejection):
            self.rejections.append(result)
            result = []
        return self.take(result)

    @property
    def entries(self) -> list[LedgerEntry]:
        """All ledger entries so far."""
        return [decision for decision in self.decisions if isinstance(decision, LedgerEntry)]

    @property
    def tier_changes(self) -> list[TierChange]:
        """All tier changes so far."""
        return [decision for decision in self.decisions if isinstance(decision, TierChange)]

    @property
    def notifications(self) -> list[Notification]:
        """All notifications so far."""
        return [decision for decision in self.decisions if isinstance(decision, Notification)]

    @property
    def encoded(self) -> list[bytes]:
        """All decisions so far as they are sent."""
        return [encode_decision(decision) for decision in self.decisions]

    @property
    def active(self) -> int:
        """Spendable balance, negative where the member owes."""
        return self.account.core.active_points

    @property
    def pending(self) -> int:
        """Points that wait."""
        return self.account.core.pending_points

    @property
    def tier(self) -> str:
        """The tier."""
        return self.account.core.tier.tier

    def standing(self) -> tuple[object, ...]:
        """All that a member can see of points and tier, as it stands: lots, debt, balances, tier and its validity."""
        core = self.account.core
        return (
            [(lot.due_ms, lot.lot, lot.points, lot.expires_ms) for lot in core.pending],
            [(lot.expires_ms, lot.points) for lot in core.active],
            (core.debt, core.pending_points, core.active_points),
            (core.tier.tier, core.tier.valid_until_ms),
        )

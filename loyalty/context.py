"""What a decision is made from and where it goes: the hand-over between the steps of one action."""

from features.vector import FeatureVector
from features.windows import ActivityWindows
from loyalty.account import Account
from loyalty.calendar import Calendar
from loyalty.consequences import Consequence
from loyalty.cycles import Anniversaries
from loyalty.decisions import Cause, frame, identity_of
from loyalty.orders import Orders
from loyalty.policy.compiled import BoundPlan
from loyalty.scope import Scope

Parts = tuple[Account, Orders, ActivityWindows]
"""The parts of a member that a decision reads and changes."""


class Context:
    """One action, or one piece of due work, of one member.

    `time_ms` is the effective time of the decisions (event time of the action, or the due time), `now_ms` is log time,
    or the due time. The tables of `scope` that every step needs are at hand as attributes.
    """

    __slots__ = (
        "_cycle",
        "_framed",
        "account",
        "calendar",
        "cause",
        "compiled",
        "core",
        "member",
        "now_ms",
        "order_id",
        "orders",
        "out",
        "policy",
        "scope",
        "time_ms",
        "vector",
        "windows",
    )

    def __init__(self, parts: Parts, member: str, cause: Cause, times_ms: tuple[int, int], scope: Scope) -> None:
        self.account, self.orders, self.windows = parts
        self.core = self.account.core
        self.member = member
        self.cause = cause
        self.time_ms, self.now_ms = times_ms
        self.scope = scope
        self.policy = scope.policy
        self.compiled = scope.policy.compiled
        self.calendar = scope.calendar
        self.order_id = ""
        self._framed: bytes | None = None
        self._cycle: Calendar | Anniversaries | None = None
        self.vector: FeatureVector | None = None
        self.out: list[Consequence] = []

    @property
    def cycle(self) -> Calendar | Anniversaries:
        """What the tier's periods are counted by: the calendar, or the member's own years."""
        cycle = self._cycle
        if cycle is None:
            if self.compiled.ladder.window == "anniversary":
                cycle = Anniversaries(self.calendar.zone, self.calendar.zone.local_day(self.core.joined_ms))
            else:
                cycle = self.calendar
            self._cycle = cycle
        return cycle

    def joined_anew(self) -> None:
        """The member's joining day is another one now, and with it the member's own years."""
        self._cycle = None

    def identity(self, kind: str, key: str) -> str:
        """Id of a decision of this kind about `key` that this cause makes: see `decisions.derived_id`."""
        framed = self._framed
        if framed is None:
            framed = self._framed = frame(self.member, self.cause.source, self.cause.id)
        return identity_of(framed, kind, key)

    def in_segments(self, segments: tuple[tuple[BoundPlan, ...], ...]) -> bool:
        """Whether the member is in one of the segments, by the features before this action."""
        vector = self.vector
        if vector is None:
            vector = self.vector = self.windows.vector(self.time_ms)
        return any(
            all(
                (bound.low is None or vector[bound.feature] >= bound.low)
                and (bound.high is None or vector[bound.feature] < bound.high)
                for bound in segment
            )
            for segment in segments
        )

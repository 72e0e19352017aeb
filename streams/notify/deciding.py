"""What to do now with a delivery: a pure function of the delivery, the member's contact, the rules and the time.

```
            due ──> given up? ──> report it as undelivered ──> gone
             │ no
             ▼
      too old, overdue ──────────> give up
      not wanted ────────────────> leave
      quiet hours ───────────────> wait until they end
      no address ────────────────> give up
      send ──> taken ────────────> gone
           ──> refused for good ─> give up
           ──> failed ───────────> wait, longer each time, until there is no time left: give up
```
"""

from typing import NamedTuple

import msgspec

from features.event_time import ZoneRules
from loyalty.decisions import Notification, NotificationKind
from streams.notify.contacts import Contact
from streams.notify.deliveries import Delivery, HandedOver, Outcome, Reason, chance
from streams.notify.quiet_hours import QuietHours, quiet_until_ms

# Who speaks of a day that has passed would say something wrong. A tier's warning stays true: the tier changes later.
_DATED: frozenset[NotificationKind] = frozenset({"points_will_expire", "offer_made"})
_MOST_DOUBLINGS = 40


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that decide about a delivery.

    `keep_trying_ms`: how long after it came into the log a notification is worth sending. `first_retry_ms`,
    `longest_retry_ms`: waits between tries. `urgent`: kinds that do not heed quiet hours.
    """

    keep_trying_ms: int
    first_retry_ms: int
    longest_retry_ms: int
    urgent: frozenset[NotificationKind] = frozenset()


class Reach(NamedTuple):
    """How a member can be reached on a channel: the contact with its words resolved, defaults filled in.

    `address` is None where the channel needs one and there is none; empty where it needs none.
    """

    contact: Contact
    address: str | None
    zone: ZoneRules
    quiet: QuietHours | None


class Send(NamedTuple):
    """Hand it over now."""

    address: str


class Wait(NamedTuple):
    """Look again at `due_ms`: a try has failed with `code`, or it is quiet where there is none."""

    due_ms: int
    code: str = ""


class Leave(NamedTuple):
    """Do not send it: `taken` by the other side, or not wanted by the member."""

    taken: bool


class GiveUp(NamedTuple):
    """Report it as undelivered."""

    reason: Reason
    code: str = ""


Decision = Send | Wait | Leave | GiveUp


def stale(delivery: Delivery, notification: Notification, rules: Rules, now_ms: int) -> GiveUp | None:
    """Why it is too late to tell the member, if it is; asked before the directory is."""
    if now_ms >= delivery.queued_ms + rules.keep_trying_ms:
        return GiveUp("not_reached" if delivery.code else "too_old", delivery.code)
    data = notification.data
    return GiveUp("overdue") if data.kind in _DATED and 0 < data.due_ms <= now_ms else None


def decide(delivery: Delivery, notification: Notification, reach: Reach, rules: Rules, now_ms: int) -> Decision:
    """What to do at `now_ms` with a delivery that is due."""
    late = stale(delivery, notification, rules, now_ms)
    if late is not None:
        return late
    kind = notification.data.kind
    if {delivery.channel, kind} & set(reach.contact.opted_out):
        return Leave(taken=False)
    if kind not in rules.urgent:
        until_ms = quiet_until_ms(reach.quiet, reach.zone, now_ms)
        if until_ms > now_ms:
            return Wait(until_ms)
    return GiveUp("no_address") if reach.address is None else Send(reach.address)


def after(delivery: Delivery, outcome: Outcome, rules: Rules, now_ms: int) -> Decision:
    """What to do after a try that ended at `now_ms`."""
    if isinstance(outcome, HandedOver):
        return Leave(taken=True)
    if outcome.for_good:
        return GiveUp(outcome.reason, outcome.code)
    due_ms = now_ms + max(retry_delay_ms(delivery, rules), outcome.retry_after_ms)
    if due_ms >= delivery.queued_ms + rules.keep_trying_ms:
        return GiveUp(outcome.reason, outcome.code)
    return Wait(due_ms, outcome.code)


def retry_delay_ms(delivery: Delivery, rules: Rules) -> int:
    """How long to wait after the try that has just failed: doubled each time up to the longest, less up to a half.

    What is taken off follows from the delivery and the number of its tries, so that many deliveries that fail together
    do not come again together, and a test knows when.

    Example:
        >>> rules = Rules(keep_trying_ms=10**9, first_retry_ms=1_000, longest_retry_ms=5_000)
        >>> tried = Delivery(id="ab", channel="sms", member="m", partition=0, value=b"", queued_ms=0, due_ms=0)
        >>> [retry_delay_ms(msgspec.structs.replace(tried, attempts=n), rules) for n in range(5)]
        [882, 1009, 3110, 4831, 4338]
    """
    longest_ms = min(rules.longest_retry_ms, rules.first_retry_ms << min(delivery.attempts, _MOST_DOUBLINGS))
    return longest_ms - int(longest_ms / 2 * chance(f"{delivery.name}/{delivery.attempts}"))

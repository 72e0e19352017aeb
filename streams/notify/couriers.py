"""A courier takes deliveries of one channel: asks for the contact, decides, hands over, and notes what came of it.

What a crash leaves behind:

| crash | what the next start finds | what it does |
|---|---|---|
| before the hand-over | the delivery, due | delivers it |
| after the hand-over, before the note | the delivery, due | delivers it again, under the same id |
| after the note | nothing, or the delivery at its next time | goes on |
| after giving up was noted, before the report | the delivery, given up | reports it |
| after the report, before the delivery was forgotten | the delivery, given up | reports it again, under the same id |
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Literal, NamedTuple, Protocol, assert_never

from features.errors import SettingsError
from features.event_time import ZoneRules
from loyalty.decisions import Notification
from streams.metrics import Metrics
from streams.notify.catalogue_files import Catalogues, choose
from streams.notify.channels import Sender
from streams.notify.contacts import Contact
from streams.notify.deciding import Decision, GiveUp, Leave, Reach, Send, Wait, after, decide, stale
from streams.notify.deliveries import Delivery, Failed, Reason, notification_of
from streams.notify.directory import ContactDirectory
from streams.notify.messages import Message
from streams.notify.outbox import Outbox
from streams.notify.quiet_hours import QuietHours, parse_quiet_hours
from streams.notify.settings import NotifySettings
from streams.notify.texts import render
from streams.zones import zone_rules

# There are some 600 zones, and the rules of one take a moment to look up.
cached_zone = lru_cache(maxsize=1_024)(zone_rules)
_REPORT_AGAIN_MS = 5_000

Step = Literal["taken_in", "handed_over", "given_up", "reported"]
StepHook = Callable[[Step], None]
Clock = Callable[[], int]
"""Milliseconds since the Unix epoch."""


class Reporter(Protocol):
    """Where deliveries that were given up are reported."""

    def report(self, delivery: Delivery, reason: Reason) -> bool:
        """Report one; False where that has to be done again."""
        ...


class Office(NamedTuple):
    """What the couriers of all channels share. `hook` is told of each step; tests crash there."""

    settings: NotifySettings
    catalogues: Catalogues
    outbox: Outbox
    directory: ContactDirectory
    reporter: Reporter
    metrics: Metrics
    clock: Clock
    hook: StepHook


class Courier:
    """Serves one channel; its calls may come from any thread.

    Args:
        office: What it shares with the others.
        sender: Hands messages over; None where no such channel is configured.
        needs_address: Whether nothing can be sent without the member's address.
    """

    def __init__(self, office: Office, sender: Sender | None, *, needs_address: bool) -> None:
        self._office = office
        self._sender = sender
        self._needs_address = needs_address
        self._rules = office.settings.rules

    def serve(self, delivery: Delivery) -> None:
        """Do now what is to be done with a delivery that is due."""
        if delivery.given_up is not None:
            self._report(delivery, delivery.given_up)
        else:
            self._note(delivery, self._try(delivery))

    def close(self) -> None:
        """Give up the connections of the calling thread."""
        self._office.directory.close()
        if self._sender is not None:
            self._sender.close()

    def _try(self, delivery: Delivery) -> Decision:
        office, now_ms = self._office, self._office.clock()
        notification = notification_of(delivery)
        if notification is None:
            return GiveUp("unreadable")
        if self._sender is None:
            return GiveUp("unknown_channel")
        late = stale(delivery, notification, self._rules, now_ms)
        if late is not None:
            return late
        contact = office.directory.find(delivery.member, now_ms)
        if isinstance(contact, Failed):
            return after(delivery, contact, self._rules, office.clock())
        reach = self._reach(delivery, contact)
        decision = decide(delivery, notification, reach, self._rules, now_ms)
        if not isinstance(decision, Send):
            return decision
        outcome = self._sender.send(self._message(delivery, notification, reach, decision.address), now_ms)
        office.hook("handed_over")
        return after(delivery, outcome, self._rules, office.clock())

    def _reach(self, delivery: Delivery, contact: Contact) -> Reach:
        settings = self._office.settings
        address = contact.addresses.get(delivery.channel) or (None if self._needs_address else "")
        return Reach(contact, address, _zone(contact, settings), _quiet(contact, settings))

    def _message(self, delivery: Delivery, notification: Notification, reach: Reach, address: str) -> Message:
        office = self._office
        language = choose(office.catalogues, reach.contact.language, office.settings.default_language)
        text = render(notification, office.catalogues[language], reach.zone, office.settings.point_scale)
        return Message(delivery, notification, text, address, language)

    def _note(self, delivery: Delivery, decision: Decision) -> None:
        outbox, metrics = self._office.outbox, self._office.metrics
        match decision:
            case Leave(taken=taken):
                outbox.done(delivery)
                metrics.delivery(delivery.channel, "delivered" if taken else "unwanted")
            case Wait(due_ms=due_ms, code=code):
                outbox.postpone(delivery, due_ms, attempts=delivery.attempts + bool(code), code=code or delivery.code)
                metrics.delivery(delivery.channel, "retried" if code else "deferred")
            case GiveUp(reason=reason, code=code):
                outbox.give_up(delivery, reason, code)
                self._office.hook("given_up")
            case Send():
                pass  # carried out before it comes here
            case _:
                assert_never(decision)

    def _report(self, delivery: Delivery, reason: Reason) -> None:
        office = self._office
        if office.reporter.report(delivery, reason):
            office.hook("reported")
            office.outbox.done(delivery)
            office.metrics.delivery(delivery.channel, "undelivered", reason)
        else:
            due_ms = office.clock() + _REPORT_AGAIN_MS
            office.outbox.postpone(delivery, due_ms, attempts=delivery.attempts, code=delivery.code)


def _zone(contact: Contact, settings: NotifySettings) -> ZoneRules:
    """The member's zone; the default where the contact names none, or one that does not exist."""
    try:
        return cached_zone(contact.time_zone or settings.default_time_zone)
    except SettingsError:
        return cached_zone(settings.default_time_zone)


def _quiet(contact: Contact, settings: NotifySettings) -> QuietHours | None:
    """The member's quiet hours; the default where the contact says nothing, or nothing that can be read."""
    try:
        return parse_quiet_hours(contact.quiet_hours or settings.quiet_hours)
    except SettingsError:
        return parse_quiet_hours(settings.quiet_hours)

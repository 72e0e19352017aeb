"""Couriers with a real mail server and a real gateway: what came is what was sent, and what failed comes again."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from features.event_time import HOUR_MS
from streams.metrics import Metrics
from streams.notify.catalogue_files import load_catalogues
from streams.notify.channels import needs_address, open_channel
from streams.notify.contacts import Contact
from streams.notify.couriers import Courier, Office
from streams.notify.deliveries import Delivery, Failed, Reason
from streams.notify.intake import Arrival
from streams.notify.outbox import Outbox
from streams.notify.settings import Channel, Console, NotifySettings, Smtp, Webhook
from tests.support.post_office import NOON_MS, Gateway, MailServer, notification, record
from tests.support.web import HOST

SENDER = "Club <club@example.org>"
ANN = Contact(member="m-1", addresses={"email": "ann@example.org", "sms": "+49151"}, language="de-AT")


class World:
    """Contacts, a clock that is set by hand, and a topic of undelivered ones that may be out of reach."""

    def __init__(self, folder: Path, settings: NotifySettings) -> None:
        self.now_ms = NOON_MS
        self.contact: Contact | Failed = ANN
        self.reported: list[tuple[str, Reason, str]] = []
        self.reachable = True
        self.outbox = Outbox(folder)
        self.outbox.follow(b"topic")
        self.metrics = Metrics()
        office = Office(
            settings,
            load_catalogues(None),
            self.outbox,
            self,
            self,
            self.metrics,
            lambda: self.now_ms,
            lambda _step: None,
        )
        self.couriers = {
            name: Courier(office, open_channel(channel), needs_address=needs_address(channel))
            for name, channel in settings.channels.items()
        }
        self._stray = Courier(office, None, needs_address=False)
        self._offset = 0

    def find(self, _member: str, _now_ms: int) -> Contact | Failed:
        return self.contact

    def report(self, delivery: Delivery, reason: Reason) -> bool:
        if self.reachable:
            self.reported.append((delivery.channel, reason, delivery.code))
        return self.reachable

    def publish(self, value: bytes) -> None:
        self.outbox.take_in(0, [Arrival(0, self._offset, self.now_ms, value, mine=True)], "email")
        self._offset += 1

    def work(self) -> None:
        """Do all that is due."""
        busy = True
        while busy:
            busy = False
            for channel in self.outbox.channels():
                while (delivery := self.outbox.claim(channel, self.now_ms)) is not None:
                    busy = True
                    self.couriers.get(channel, self._stray).serve(delivery)
                    self.outbox.release(delivery)

    def counted(self, channel: str, outcome: str, reason: str = "") -> float | None:
        return self.metrics.value("tierstream_deliveries_total", channel=channel, outcome=outcome, reason=reason)

    def close(self) -> None:
        pass

    def shut(self) -> None:
        for courier in self.couriers.values():
            courier.close()
        self.outbox.__exit__()


@pytest.fixture
def world(tmp_path: Path, mail: MailServer, gateway: Gateway) -> Iterator[World]:
    channels: dict[str, Channel] = {
        "email": Smtp(host=HOST, port=mail.port, sender=SENDER, security="none"),
        "sms": Webhook(url=f"{gateway.url}/sms", needs_address=True),
        "app": Webhook(url=f"{gateway.url}/push?tenant=7"),
    }
    made = World(tmp_path / "outbox", NotifySettings(channels=channels, default_channel="email"))
    yield made
    made.shut()


def test_one_notification_reaches_the_member_on_each_channel_in_the_members_language(
    world: World, mail: MailServer, gateway: Gateway
) -> None:
    world.publish(record(channels=("email", "sms", "app")))
    world.work()
    assert mail.recipients == ["ann@example.org"]
    assert mail.mails[0]["Subject"] == "Sie haben gold erreicht"
    assert mail.ids == [f"<{notification().id}.email@example.org>"]
    sent = {path: json.loads(body) for path, _, body in gateway.requests}
    assert (sent["/sms"]["to"], sent["/sms"]["text"]) == (
        "+49151",
        "Herzlichen Glückwunsch, Ihre Stufe ist jetzt gold.",
    )
    assert sent["/push?tenant=7"]["data"]["about"] == "gold"
    assert world.outbox.count == 0
    assert world.counted("app", "delivered") == 1


def test_a_mail_server_that_is_down_for_a_while_gets_everything_later_and_holds_up_no_other_channel(
    world: World, mail: MailServer, gateway: Gateway
) -> None:
    mail.down()
    for sequence in range(1, 6):
        world.publish(record(sequence=sequence, channels=("email", "app")))
        world.publish(record(member="m-2", sequence=sequence, channels=("email", "app")))
    world.work()
    assert (len(gateway.requests), len(mail.mails), world.outbox.count) == (10, 0, 10)
    assert world.counted("email", "retried") == 10
    mail.up()
    world.now_ms += HOUR_MS
    world.work()
    assert (len(set(mail.ids)), len(mail.ids), world.outbox.count) == (10, 10, 0)


def test_a_connection_that_the_server_has_closed_meanwhile_is_replaced(
    world: World, mail: MailServer, gateway: Gateway
) -> None:
    world.publish(record(sequence=1, channels=("email", "app")))
    world.work()
    mail.down()
    mail.up()
    gateway.close_all()
    world.publish(record(sequence=2, channels=("email", "app")))
    world.work()
    assert (len(mail.mails), len(gateway.requests), world.outbox.count) == (2, 2, 0)
    assert not world.counted("email", "retried")


def test_a_recipient_that_is_refused_is_reported_and_not_tried_again(world: World, mail: MailServer) -> None:
    mail.refusals["ann@example.org"] = "550 5.1.1 no ann@example.org here"
    world.publish(record())
    world.work()
    assert (world.reported, world.outbox.count) == ([("email", "refused", "smtp 550 5.1.1")], 0)
    assert world.counted("email", "undelivered", "refused") == 1


def test_a_recipient_that_is_deferred_is_tried_again(world: World, mail: MailServer) -> None:
    mail.refusals["ann@example.org"] = "451 4.7.1 greylisted"
    world.publish(record())
    world.work()
    assert (world.reported, world.outbox.count) == ([], 1)
    mail.refusals.clear()
    world.now_ms += HOUR_MS
    world.work()
    assert len(mail.mails) == 1


def test_a_gateway_is_asked_again_when_it_said_and_its_refusal_is_final(world: World, gateway: Gateway) -> None:
    gateway.answers.extend([(503, {"Retry-After": "3600"}, b"busy"), (422, {}, b"no such device")])
    world.publish(record(channels=("app",)))
    world.work()
    world.now_ms += HOUR_MS - 1
    world.work()
    assert len(gateway.requests) == 1
    world.now_ms += 1
    world.work()
    assert (len(gateway.requests), world.reported, world.outbox.count) == (2, [("app", "refused", "http 422")], 0)
    assert gateway.requests[0][1]["Idempotency-Key"] == gateway.requests[1][1]["Idempotency-Key"]


def test_what_nobody_takes_is_reported_when_there_is_no_time_left(world: World, gateway: Gateway) -> None:
    gateway.answers.extend([(500, {}, b"")] * 1_000)
    world.publish(record(channels=("app",)))
    while not world.reported:
        world.work()
        world.now_ms += HOUR_MS // 2
    assert world.reported == [("app", "not_reached", "http 500")]
    assert NOON_MS + 71 * HOUR_MS < world.now_ms <= NOON_MS + 73 * HOUR_MS


def test_quiet_hours_hold_back_until_the_members_morning_by_a_clock_set_by_hand(world: World, mail: MailServer) -> None:
    world.contact = msgspec.structs.replace(ANN, time_zone="Asia/Tokyo")  # where it is 21:00
    world.publish(record(sequence=1))
    world.publish(record("reward_granted", sequence=2))
    world.work()
    assert [mail["Subject"] for mail in mail.mails] == ["gold gehört Ihnen"]
    world.now_ms += 11 * HOUR_MS - 1
    world.work()
    assert len(mail.mails) == 1
    world.now_ms += 1
    world.work()
    assert (len(mail.mails), world.counted("email", "deferred")) == (2, 1)


def test_what_failed_in_the_evening_and_waits_for_the_morning_keeps_what_it_failed_by(
    world: World, gateway: Gateway
) -> None:
    gateway.answers.append((503, {"Retry-After": "36000"}, b""))  # until 22:00
    world.publish(record(channels=("app",)))
    world.work()
    world.now_ms += 10 * HOUR_MS
    world.work()
    assert world.counted("app", "deferred") == 1
    world.now_ms += 80 * HOUR_MS
    world.work()
    assert world.reported == [("app", "not_reached", "http 503")]


def test_what_a_contact_says_that_cannot_be_understood_is_as_the_settings_have_it(
    world: World, mail: MailServer
) -> None:
    world.contact = msgspec.structs.replace(ANN, time_zone="Mars/Olympus", quiet_hours="always", language="tlh")
    world.publish(record())
    world.work()
    assert [mail["Subject"] for mail in mail.mails] == ["You have reached gold"]


@pytest.mark.parametrize(
    ("contact", "value", "reason"),
    [
        (Contact(), record(channels=("sms",)), "no_address"),
        (Contact(addresses={"email": "nonsense"}), record(), "bad_address"),
        (Failed(code="contacts http 410", reason="unknown_member", for_good=True), record(), "unknown_member"),
        (ANN, record(channels=("webhook",)), "unknown_channel"),
        (ANN, b'{"subject":"m-1","type":"loyalty.notification.of_tomorrow","data":{"sequence":1}}', "unreadable"),
    ],
)
def test_what_can_never_arrive_is_reported_at_once(
    world: World, contact: Contact | Failed, value: bytes, reason: Reason
) -> None:
    world.contact = contact
    world.publish(value)
    world.work()
    assert [each[1] for each in world.reported] == [reason]
    assert world.outbox.count == 0


def test_a_member_whom_the_directory_does_not_know_yet_is_asked_for_again(world: World, mail: MailServer) -> None:
    world.contact = Failed(code="contacts http 404", reason="unknown_member")
    world.publish(record())
    world.work()
    assert world.outbox.count == 1
    world.contact = ANN
    world.now_ms += HOUR_MS
    world.work()
    assert len(mail.mails) == 1


def test_an_opt_out_holds_from_the_next_message_on(world: World, mail: MailServer) -> None:
    world.publish(record(sequence=1))
    world.work()
    world.contact = msgspec.structs.replace(ANN, opted_out=("email",))
    world.publish(record(sequence=2))
    world.work()
    assert (len(mail.mails), world.reported, world.outbox.count) == (1, [], 0)
    assert world.counted("email", "unwanted") == 1


def test_a_report_that_is_not_acknowledged_is_sent_again(world: World) -> None:
    world.reachable = False
    world.publish(record(channels=("webhook",)))
    world.work()
    assert world.outbox.count == 1
    world.reachable = True
    world.now_ms += HOUR_MS
    world.work()
    assert (world.reported, world.outbox.count) == ([("webhook", "unknown_channel", "")], 0)


def test_the_console_says_each_message_on_a_line(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    world = World(tmp_path, NotifySettings(channels={"email": Console()}, default_channel="email"))
    world.publish(record())
    world.work()
    world.shut()
    (line,) = capfdbinary.readouterr().out.splitlines()
    assert (
        json.loads(line).items()
        >= {"member": "m-1", "kind": "tier_upgraded", "id": f"{notification().id}.email"}.items()
    )

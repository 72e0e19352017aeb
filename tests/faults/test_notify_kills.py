"""A notifier that is killed at each of its steps: nothing is lost, and what comes twice has the same id."""

import os
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from tests.support.post_office import Gateway, MailServer, notification, record
from tests.support.post_round import AHEAD_H, FAIL_AT, KILL_AT, Round
from tests.support.processes import eventually
from tests.support.topic_reader import ends

MEMBERS = [f"m-{number}" for number in range(12)]
EACH = 3


@pytest.fixture
def post(kafka_broker: str, topic_prefix: str, tmp_path: Path, mail: MailServer, gateway: Gateway) -> Round:
    made = Round(kafka_broker, topic_prefix, tmp_path, mail, gateway)
    made.members(*MEMBERS)
    return made


def records(first: int = 1, count: int = EACH) -> list[tuple[str, bytes]]:
    return [
        (member, record(member=member, sequence=sequence, channels=("email", "app")))
        for sequence in range(first, first + count)
        for member in MEMBERS
    ]


def expected(count: int = EACH) -> set[str]:
    return {notification(member=member, sequence=sequence).id for sequence in range(1, count + 1) for member in MEMBERS}


def mailed(mail: MailServer) -> Counter[str]:
    return Counter(each.removeprefix("<").partition(".")[0] for each in mail.ids)


def pushed(gateway: Gateway) -> Counter[str]:
    return Counter(str(event["id"]) for event in gateway.events)


def all_there(mail: MailServer, gateway: Gateway, wanted: set[str]) -> bool:
    return wanted <= mailed(mail).keys() and wanted <= pushed(gateway).keys()


@pytest.mark.parametrize("step", ["taken_in", "handed_over"])
def test_a_kill_at_any_step_loses_nothing_and_what_comes_twice_has_the_same_id(
    post: Round, mail: MailServer, gateway: Gateway, step: str
) -> None:
    post.publish(*records())
    with post.notifier() as notifier:
        notifier.start(**{KILL_AT: step})
        assert notifier.wait(60) == -9
        if step == "taken_in":
            assert post.committed() == 0, "it died between its outbox and Kafka"
        notifier.start()
        eventually(lambda: all_there(mail, gateway, expected()), 60, "everything is delivered")
        post.await_read()
        assert notifier.stop() == 0
    assert mailed(mail).keys() == pushed(gateway).keys() == expected()
    repeated = mailed(mail).total() + pushed(gateway).total() - 2 * len(expected())
    # Who was between hand-over and note is delivered again: of each thread one at most.
    assert (repeated == 0) if step == "taken_in" else (1 <= repeated <= 12)


@pytest.mark.parametrize("step", ["given_up", "reported"])
def test_a_kill_around_a_report_reports_it_all_the_same(post: Round, step: str) -> None:
    post.publish(("m-0", record(member="m-0", channels=("sms",))), ("m-1", record(member="m-1", channels=("sms",))))
    with post.notifier() as notifier:
        notifier.start(**{KILL_AT: step})
        assert notifier.wait(60) == -9
        notifier.start()
        eventually(lambda: len(set(post.undelivered())) == 2, 60, "both are reported")
        assert notifier.stop() == 0, notifier.log.read_text()
    assert Counter(post.undelivered()).total() <= 3


def test_a_mail_server_that_is_down_while_the_notifier_is_killed_gets_everything_and_pushes_do_not_wait(
    post: Round, mail: MailServer, gateway: Gateway
) -> None:
    mail.down()
    post.publish(*records())
    with post.notifier() as notifier:
        notifier.start()
        eventually(lambda: pushed(gateway).keys() == expected(), 60, "the other channel is not held up")
        post.await_read()
        notifier.kill()
        notifier.start()
        mail.up()
        eventually(lambda: mailed(mail).keys() == expected(), 60, "all mail arrives")
        assert notifier.stop() == 0
    assert set(mailed(mail).values()) == {1}


def test_producer_duplicates_and_a_second_reading_are_dropped_by_their_numbers(
    post: Round, mail: MailServer, gateway: Gateway
) -> None:
    post.publish(*records(), *records(), *records(2, 1))
    with post.notifier() as notifier:
        notifier.start()
        eventually(lambda: all_there(mail, gateway, expected()), 60, "everything is delivered")
        post.await_read()
        assert notifier.stop() == 0
        post.publish(*records(1, EACH + 1))
        notifier.start()
        eventually(lambda: all_there(mail, gateway, expected(EACH + 1)), 60, "the new ones are delivered")
        post.await_read()
        assert notifier.stop() == 0
    assert mailed(mail) == pushed(gateway) == Counter(expected(EACH + 1))


def test_another_notifier_goes_on_where_one_has_stopped_and_one_that_comes_back_repeats_nothing(
    post: Round, mail: MailServer, gateway: Gateway
) -> None:
    with post.notifier("one") as one, post.notifier("two") as two:
        one.start()
        post.publish(*records(1, 1))
        eventually(lambda: all_there(mail, gateway, expected(1)), 60, "one delivers")
        post.await_read()
        assert one.stop() == 0
        two.start()  # it knows no numbers yet: those before are sent again by a producer
        post.publish(*records(1, 2))
        eventually(lambda: all_there(mail, gateway, expected(2)), 60, "two delivers")
        post.await_read()
        assert two.stop() == 0
        one.start()  # it does not know what two has delivered
        post.publish(*records(1, 3))
        eventually(lambda: all_there(mail, gateway, expected(3)), 60, "one delivers again")
        post.await_read()
        assert one.stop() == 0
    assert mailed(mail) == pushed(gateway) == Counter(expected(3))


def test_partitions_of_a_notifier_that_was_killed_are_taken_over_and_what_it_had_in_hand_waits_for_it(
    post: Round, mail: MailServer, gateway: Gateway
) -> None:
    mail.down()
    with post.notifier("one") as one, post.notifier("two") as two:
        one.start()
        post.publish(*records(1, 1))
        post.await_read()
        one.kill()
        mail.up()
        two.start()
        post.publish(*records(2, 1))
        second = expected(2) - expected(1)
        eventually(lambda: all_there(mail, gateway, second), 60, "two takes over")
        one.start()
        eventually(lambda: mailed(mail).keys() == expected(2), 60, "one delivers what it had")
        assert (one.stop(), two.stop()) == (0, 0)
    assert set(mailed(mail).values()) == {1}


def test_what_waits_for_the_morning_survives_a_kill_by_a_clock_that_is_set_ahead(
    post: Round, mail: MailServer, gateway: Gateway
) -> None:
    hour = datetime.now(UTC).hour
    night = f"{(hour - 2) % 24:02}:00-{(hour + 6) % 24:02}:00"
    post.file.write_text(post.file.read_text().replace('quiet_hours = "none"', f'quiet_hours = "{night}"'))
    post.publish(*records(1, 1), ("m-0", record("reward_granted", member="m-0", sequence=2)))
    with post.notifier() as notifier:
        notifier.start()
        eventually(lambda: len(mail.mails) == 1, 60, "what is urgent comes at once")
        post.await_read()
        notifier.kill()
        notifier.start(**{AHEAD_H: "9"})
        eventually(lambda: len(mail.mails) == len(MEMBERS) + 1, 60, "the morning's mail arrives")
        eventually(lambda: pushed(gateway).keys() == expected(1), 60, "so do the morning's pushes")
        assert notifier.stop() == 0
    assert set(mailed(mail).values()) == {1}


def test_a_log_that_was_cut_off_behind_the_reader_goes_on_with_what_is_left(
    post: Round, mail: MailServer, kafka_broker: str
) -> None:
    with post.notifier() as notifier:
        notifier.start()
        post.publish(*((member, record(member=member, sequence=1)) for member in MEMBERS))
        eventually(lambda: len(mail.mails) == len(MEMBERS), 60, "the first arrive")
        post.await_read()
        assert notifier.stop() == 0
        post.publish(*((member, record(member=member, sequence=2)) for member in MEMBERS))
        admin = AdminClient({"bootstrap.servers": kafka_broker, "log_level": 0})
        cut = [TopicPartition(post.topic, number, end) for number, end in ends(kafka_broker, post.topic).items()]
        for deleted in admin.delete_records(cut).values():
            deleted.result(30)
        post.publish(*((member, record(member=member, sequence=3)) for member in MEMBERS))
        notifier.start()
        eventually(lambda: len(mail.mails) == 2 * len(MEMBERS), 60, "what is left arrives")
        assert notifier.stop() == 0
    assert mailed(mail).keys() == {notification(member=m, sequence=n).id for m in MEMBERS for n in (1, 3)}


def test_a_failure_that_nobody_foresaw_ends_the_process_and_tells_nothing_of_a_member(
    post: Round, mail: MailServer
) -> None:
    post.publish(("m-0", record(member="m-0")))
    with post.notifier() as notifier:
        notifier.start(**{FAIL_AT: "handed_over"})
        assert notifier.wait(60) == os.EX_SOFTWARE
        assert notifier.said('"error": "ValueError"') == 1
        assert not notifier.said("example.org")
        notifier.start()
        eventually(lambda: len(mail.mails) >= 2, 60, "it is delivered again")
        assert notifier.stop() == 0
    assert len(set(mail.ids)) == 1

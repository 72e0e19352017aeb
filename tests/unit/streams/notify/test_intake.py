"""Which records become deliveries: a member's next number, once for each channel."""

from streams.notify.deliveries import NO_CHANNEL
from streams.notify.intake import Arrival, take_in
from tests.support.post_office import NOON_MS, record


def arrivals(*values: bytes, mine: bool = True) -> list[Arrival]:
    return [Arrival(2, 40 + number, NOON_MS + number, value, mine) for number, value in enumerate(values)]


def test_each_notification_becomes_one_delivery_per_channel_and_the_default_where_there_is_none() -> None:
    both = take_in(arrivals(record(channels=("email", "sms", "email"))), {}, "console")
    assert [(each.channel, each.member, each.queued_ms) for each in both.deliveries] == [
        ("email", "m-1", NOON_MS),
        ("sms", "m-1", NOON_MS),
    ]
    none = take_in(arrivals(record()), {}, "console")
    assert [each.channel for each in none.deliveries] == ["console"]
    assert none.positions == {2: 41}


def test_what_is_sent_again_after_a_crash_is_dropped_by_its_number_and_a_jump_waits_for_what_is_missing() -> None:
    one, two, three = (record(sequence=number) for number in (1, 2, 3))
    intake = take_in(arrivals(one, three, one, two, two, three), {}, "console")
    assert [each.value for each in intake.deliveries] == [one, two, three]
    assert (intake.numbers, intake.accepted, intake.repeated) == ({"m-1": 3}, 3, 3)
    assert take_in(arrivals(three), intake.numbers, "console").deliveries == []


def test_where_the_log_was_cut_off_a_member_begins_with_the_first_number_that_is_left() -> None:
    intake = take_in(arrivals(record(sequence=57), record(sequence=58)), {}, "console")
    assert (len(intake.deliveries), intake.numbers) == (2, {"m-1": 58})


def test_what_others_answer_for_only_tells_the_numbers() -> None:
    theirs = arrivals(record(sequence=1), record(sequence=2), mine=False)
    intake = take_in(theirs, {}, "console")
    assert (intake.deliveries, intake.numbers, intake.positions) == ([], {"m-1": 2}, {2: 42})


def test_what_cannot_be_read_is_kept_to_be_reported_and_holds_nobody_up() -> None:
    of_tomorrow = record().replace(b"tier_upgraded", b"tier_of_tomorrow")
    intake = take_in(arrivals(b"{", of_tomorrow, b"\xff", record(sequence=2)), {}, "console")
    assert [(each.channel, each.id, each.member) for each in intake.deliveries[:3]] == [
        (NO_CHANNEL, "2-40", ""),
        (NO_CHANNEL, "2-41", "m-1"),
        (NO_CHANNEL, "2-42", ""),
    ]
    assert intake.deliveries[3].channel == "console"

"""Which records of the notifications topic become deliveries: a pure function of the records and the numbers so far.

Only a member's next number is taken, as in `streams.decision_log`. The topic is kept for some weeks only, so the first
number that is seen of a member in what is left of the log is where it begins.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from loyalty.decisions import Notification
from streams.decision_log import DecisionTopic, OnceInOrder, position_of
from streams.notify.deliveries import NO_CHANNEL, Delivery

_TOPIC: DecisionTopic = "notifications"
_DECODER = msgspec.json.Decoder(Notification)


class Arrival(NamedTuple):
    """A record of a partition. `mine`: it is this process's to deliver; else it only tells the member's number."""

    partition: int
    offset: int
    time_ms: int
    value: bytes
    mine: bool


class Intake(NamedTuple):
    """What a batch of records comes to: deliveries, the members' last numbers, and where reading goes on.

    `accepted` and `repeated` count the records that were somebody's next number, and the others.
    """

    deliveries: list[Delivery]
    numbers: dict[str, int]
    positions: dict[int, int]
    accepted: int
    repeated: int


def members_of(arrivals: Sequence[Arrival]) -> set[str]:
    """The members that records are about; of what is no decision, nobody."""
    return {position[0] for arrival in arrivals if (position := _position(arrival.value)) is not None}


def take_in(arrivals: Sequence[Arrival], known: Mapping[str, int], default_channel: str) -> Intake:
    """Turn records, in the order of their partitions, into deliveries.

    Args:
        arrivals: The records.
        known: The last number of each of their members, as far as it has been seen.
        default_channel: Where to deliver what names no channel.
    """
    reader = OnceInOrder({(member, _TOPIC): number for member, number in known.items()})
    deliveries: list[Delivery] = []
    accepted = 0
    for arrival in arrivals:
        position = _position(arrival.value)
        if position is not None:
            reader.last.setdefault((position[0], _TOPIC), position[1] - 1)
        if position is None or reader.accepts(_TOPIC, arrival.value):
            accepted += 1
            if arrival.mine:
                deliveries += _deliveries(arrival, position, default_channel)
    numbers = {member: number for (member, _), number in reader.last.items()}
    positions = {arrival.partition: arrival.offset + 1 for arrival in arrivals}
    return Intake(deliveries, numbers, positions, accepted, len(arrivals) - accepted)


def _position(value: bytes) -> tuple[str, int] | None:
    try:
        return position_of(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _deliveries(arrival: Arrival, position: tuple[str, int] | None, default_channel: str) -> list[Delivery]:
    """One for each channel; what this version cannot read goes to no channel, so that it is reported."""
    identity = f"{arrival.partition}-{arrival.offset}"
    channels: tuple[str, ...] = (NO_CHANNEL,)
    try:
        notification = _DECODER.decode(arrival.value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    else:
        identity = notification.id
        channels = tuple(dict.fromkeys(notification.data.channels)) or (default_channel,)
    return [
        Delivery(
            id=identity,
            channel=channel,
            member="" if position is None else position[0],
            partition=arrival.partition,
            value=arrival.value,
            queued_ms=arrival.time_ms,
            due_ms=arrival.time_ms,
        )
        for channel in channels
    ]

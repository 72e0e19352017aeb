"""Where a line of an action file belongs in a log: its event time and its key, without decoding the rest."""

import msgspec

from features.actions import Instant, to_ms


class _Head(msgspec.Struct, gc=False):
    """What of an action is needed to put it in a log."""

    time: Instant
    subject: str


_HEAD_DECODER = msgspec.json.Decoder(_Head)


def head_of(line: bytes) -> tuple[int | None, bytes | None]:
    """Event time and Kafka key of a line of an action file; None for both where it is malformed.

    Example:
        >>> head_of(b'{"time":"2017-03-04T18:22:05Z","subject":"m-42"}')
        (1488651725000, b'm-42')
        >>> head_of(b"{")
        (None, None)
    """
    try:
        head = _HEAD_DECODER.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None, None
    return to_ms(head.time), head.subject.encode()

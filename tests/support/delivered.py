"""Examples as they were delivered, read without the trainer: both judges of what it publishes need them."""

from collections.abc import Iterable, Iterator

from online_models.examples import PolicyNotice, decode_record


def once(delivered: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Policy notices, and each example when it comes in its turn, whatever the trainer makes of repetitions."""
    next_number: dict[int, int] = {}
    for offset, raw in delivered:
        example = decode_record(raw)
        if not isinstance(example, PolicyNotice):
            if example.number != next_number.get(example.partition, 0):
                continue
            next_number[example.partition] = example.number + 1
        yield offset, raw

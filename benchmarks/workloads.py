"""What is run: real households' actions, as baskets and as lines, and as the log that a partition would hold."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice, tee
from pathlib import Path
from typing import Literal

import msgspec

from benchmarks.contender import POLICY_FILE
from features.actions import Browse, BrowseData, Envelope, Purchase, PurchaseData
from loyalty.decisions import instant
from streams.controls import policy_record, public_key_of, tick_record
from streams.histories.clock import DEFAULT_TICK_EVERY_MS, history_timestamps
from streams.histories.complete_journey import Selection, read_actions
from streams.histories.files import read_lines, write_lines
from streams.histories.heads import head_of
from streams.policy_files import first_policy, read_policy
from streams.records import LogRecord
from streams.replay import REPLAY_KEY

WorkloadName = Literal["baskets", "lines", "browse"]
CACHE = Path(".cache/bench")
_LINE_ACTIONS = 1_000_000
_BROWSE_ACTIONS = 300_000
_BROWSES_PER_VISIT = 9
_BROWSE_MS = 45_000


def actions_of(name: WorkloadName, count: int | None = None) -> Iterator[bytes]:
    """The first `count` actions of a workload, JSON; made once and kept in a file.

    `baskets` are the 164,539 actions of the Complete Journey data. `lines` is the first million actions of the same
    households with each line of a basket as a purchase of its own. `browse` is a virtual stream, since the data have no
    browsing: before each basket its household looks at nine things, and then buys the first line of it.
    """
    path = CACHE / f"{name}.jsonl.gz"
    if not path.exists():
        encode = msgspec.json.Encoder().encode
        write_lines(path, (encode(action) for action in _MAKERS[name]()))
    return islice(read_lines(path), count)


def _baskets() -> Iterator[Envelope]:
    return read_actions(Selection())


def _lines() -> Iterator[Envelope]:
    return islice((single for action in _baskets() for single in line_actions(action)), _LINE_ACTIONS)


def _browse() -> Iterator[Envelope]:
    return islice((step for action in _baskets() for step in visit_actions(action)), _BROWSE_ACTIONS)


_MAKERS: dict[WorkloadName, Callable[[], Iterator[Envelope]]] = {
    "baskets": _baskets,
    "lines": _lines,
    "browse": _browse,
}


def line_actions(action: Envelope) -> Iterator[Envelope]:
    """A basket as one purchase per line, anything else as it is."""
    if not isinstance(action, Purchase):
        yield action
        return
    for number, item in enumerate(action.data.items):
        order_id = f"{action.data.order_id}-{number}"
        data = PurchaseData(order_id=order_id, amount=item.amount, currency=action.data.currency, items=(item,))
        yield msgspec.structs.replace(action, id=order_id, data=data)


def visit_actions(action: Envelope) -> Iterator[Envelope]:
    """The browsing that might come before a basket, and the first of its lines; nothing of any other action."""
    if not isinstance(action, Purchase):
        return
    for left in range(_BROWSES_PER_VISIT, 0, -1):
        yield Browse(
            specversion="1.0",
            id=f"{action.data.order_id}-look-{left}",
            source=action.source,
            time=instant(action.time_ms - left * _BROWSE_MS),
            subject=action.subject,
            data=BrowseData(duration_ms=_BROWSE_MS),
        )
    yield from islice(line_actions(action), 1)


def lateness_ms() -> int:
    """How late an action may come under the benchmarks' policy."""
    return read_policy(POLICY_FILE)[1].input.lateness_ms


def log_of(lines: Iterable[bytes]) -> list[LogRecord]:
    """The log of one partition that holds these actions: a policy, the actions, ticks four times a day."""
    records: list[LogRecord] = []

    def append(timestamp_ms: int, key: bytes | None, value: bytes) -> None:
        records.append(LogRecord(0, len(records), timestamp_ms, key, value))

    append(1, None, policy_record(first_policy(POLICY_FILE, (public_key_of(REPLAY_KEY),)), REPLAY_KEY))
    heads, again = tee((line, *head_of(line)) for line in lines)
    stamps = history_timestamps((time_ms for _, time_ms, _ in heads), lateness_ms())
    next_tick_ms: int | None = None
    for (line, _, key), stamp_ms in zip(again, stamps, strict=True):
        next_tick_ms = next_tick_ms or stamp_ms - stamp_ms % DEFAULT_TICK_EVERY_MS + DEFAULT_TICK_EVERY_MS
        while next_tick_ms <= stamp_ms:
            append(next_tick_ms, None, tick_record(next_tick_ms, REPLAY_KEY))
            next_tick_ms += DEFAULT_TICK_EVERY_MS
        append(stamp_ms, key, line)
    return records

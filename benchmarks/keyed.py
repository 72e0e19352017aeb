"""The same pipeline for frameworks that keep state by message key: one member's rows at a time.

They have no work by log time across members, so what is due for a member is done when the member is next seen, and
ticks are not for them. That is less than the engine does.
"""

from collections.abc import Callable, Iterator, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from benchmarks.contender import POLICY_FILE
from streams.controls import policy_record, public_key_of
from streams.pipeline import PartitionFold
from streams.policy_files import first_policy
from streams.records import LogRecord, Output
from streams.state import member_prefix

Get = Callable[[bytes], bytes | None]
Put = Callable[[bytes, bytes | None], None]


class _NoDueRows:
    """Reads the rows of whichever member is being folded."""

    def __init__(self) -> None:
        rows: dict[bytes, bytes] = {}
        self.get: Get = rows.get

    @staticmethod
    def scan(_start: bytes, _stop: bytes) -> Iterator[bytes]:
        """Nothing: work is due per member only."""
        return iter(())


class KeyedFold:
    """Folds records of one member after another over rows that somebody else keeps.

    Versions, log time and decoded members are shared by all members of a worker, which is faster than each on its own.
    """

    def __init__(self) -> None:
        self._rows = _NoDueRows()
        self._fold = PartitionFold(0, b"keyed", self._rows)
        key = Ed25519PrivateKey.generate()
        policy = policy_record(first_policy(POLICY_FILE, (public_key_of(key),)), key)
        self._fold.fold([LogRecord(0, 0, 1, None, policy)])

    def fold(self, member: str, records: Sequence[tuple[int, bytes]], get: Get, put: Put) -> list[Output]:
        """Fold a member's records (timestamp and value each), with `get` and `put` for the member's own rows."""
        self._rows.get = get
        key, prefix, first = member.encode(), member_prefix(member), self._fold.mark + 1
        batch = self._fold.fold(
            [LogRecord(0, first + index, stamp_ms, key, value) for index, (stamp_ms, value) in enumerate(records)]
        )
        for row_key, row in batch.rows:
            if row_key.startswith(prefix):
                put(row_key, row)
        self._fold.landed(batch.mark)
        return batch.outputs

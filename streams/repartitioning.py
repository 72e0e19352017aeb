"""From the partitions of one generation to those of the next: what has to be over, and who goes where.

Pure. Members take their rows with them unchanged: balances, lots, sequence numbers, orders, what they have seen. What
a partition knows as a whole is merged: versions must agree everywhere, counters are added up, numbers of training
examples stay with the partition of the same number, effects start to count anew, since none is on its way, and what is
left of slices of budgets goes back to their owners.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from features.errors import ContractError
from loyalty.budgets import BUDGET
from loyalty.owner_rows import Budget, decode_owner, encode_owner
from streams.controls import OpeningData, PolicyData
from streams.partition import Partition
from streams.partitioning import partition_of
from streams.records import RowStore
from streams.row_format import pack_row, row_payload
from streams.state import (
    DUE,
    PARTITION_KEY,
    PartitionRow,
    due_key,
    encode_partition_row,
    is_member_row,
    member_of,
    owner_key,
    split_due_key,
)
from streams.version_rows import (
    POLICY_KEYS,
    AdoptedWeights,
    decode_policy,
    decode_weights,
    encode_version,
    policy_key,
    weights_key,
)

# An opening's record carries so many bytes of rows at most; in base64 it stays well under the limit of a record, 1 MiB.
OPENING_BYTES = 384 * 1024
_UNMARKED = 0
_OWNERS = owner_key("")

Row = tuple[bytes, bytes]


def undrained(number: int, rows: RowStore) -> str:
    """What a partition has still to do before its members can move, "" where nothing is."""
    partition = Partition.stored(number, rows)
    cure = "let the workers run on until a tick has been swept"
    if partition.mark < 0:
        return f"partition {number} has applied nothing; start the workers once"
    if partition.row.sweeping or next(rows.scan(DUE, due_key(partition.row.log_time_ms + 1, "")), None) is not None:
        return f"partition {number} has due work left: {cure}"
    if partition.next_edit():
        return f"partition {number} has members that a new policy has not reached: {cure}"
    return ""


def moving_key(key: bytes) -> bytes | None:
    """What a row goes with, as a Kafka key: its member or its owner; None for rows of the partition as a whole.

    Example:
        >>> moving_key(due_key(5, "m-42")), moving_key(owner_key("reward/r-1")), moving_key(PARTITION_KEY)
        (b'm-42', b'reward/r-1', None)
    """
    if is_member_row(key):
        return member_of(key).encode()
    if key.startswith(DUE):
        return split_due_key(key)[1].encode()
    return key[len(_OWNERS) :] if key.startswith(_OWNERS) else None


def undelivered(heads: Sequence[PartitionRow]) -> str:
    """Which effects are still on their way between partitions, "" where none is."""
    for sender, head in enumerate(heads):
        for receiver, number in sorted(head.effects_out.items()):
            taken = heads[receiver].effects_in.get(sender, 0)
            if taken < number:
                return (
                    f"{number - taken} effects of partition {sender} are on their way to {receiver}: let workers run on"
                )
    return ""


def moving_rows(rows: RowStore) -> Iterator[Row]:
    """The rows of members and owners, with keys, in order, as a batch of mark 0 would have written them."""
    for key in rows.scan(b"", b"\xff"):
        if moving_key(key) is not None:
            yield key, pack_row(_UNMARKED, row_payload(key, rows.get(key) or b""))


def settled_rows(old: Sequence[RowStore]) -> Iterator[Row]:
    """The rows that move from all old partitions; owners of budgets have back what is left of the slices."""
    left: Counter[bytes] = Counter()
    for number, rows in enumerate(old):
        for campaign, held in Partition.stored(number, rows).row.slices.items():
            left[owner_key(BUDGET + campaign)] += held.left
    for rows in old:
        for key, row in moving_rows(rows):
            owner = decode_owner(row_payload(key, row)) if left[key] else None
            if isinstance(owner, Budget):
                owner.given -= left[key]
                yield key, pack_row(_UNMARKED, encode_owner(owner))
            else:
                yield key, row


def moving_digest(rows: Iterable[Row]) -> str:
    """SHA-256 over the rows of members and owners, whatever partition they are in."""
    digest = hashlib.sha256()
    for row in sorted(rows):
        digest.update(msgspec.msgpack.encode(row))
    return digest.hexdigest()


def openings(old: Sequence[RowStore], partitions: int) -> list[list[OpeningData]]:
    """The openings of the new partitions, from the rows of the old ones.

    Raises:
        ContractError: the old partitions have not read the same policies and weights.
    """
    shared = _merged_versions([list(_versions(number, rows)) for number, rows in enumerate(old)])
    heads = [Partition.stored(number, rows).row for number, rows in enumerate(old)]
    policies = [decode_policy(row_payload(key, row)) for key, row in shared if key.startswith(POLICY_KEYS)]
    members: list[list[Row]] = [[] for _ in range(partitions)]
    for key, row in settled_rows(old):
        members[partition_of(moving_key(key) or b"", partitions)].append((key, row))
    return [
        _opening(policies[-1], [*shared, (PARTITION_KEY, _head(heads, number, partitions))], sorted(members[number]))
        for number in range(partitions)
    ]


def _opening(policy: PolicyData, head: Sequence[Row], rows: Sequence[Row]) -> list[OpeningData]:
    parts: list[list[Row]] = [list(head)]
    size = OPENING_BYTES
    for key, row in rows:
        if size + len(key) + len(row) > OPENING_BYTES:
            parts.append([])
            size = 0
        parts[-1].append((key, row))
        size += len(key) + len(row)
    return [OpeningData(number, len(parts), policy.public_keys, tuple(part)) for number, part in enumerate(parts)]


def _versions(number: int, rows: RowStore) -> Iterator[Row]:
    for first, last in ((policy_key(0), policy_key(2**32 - 1)), (weights_key(0), weights_key(2**32 - 1))):
        for key in rows.scan(first, last):
            row = rows.get(key)
            if row is None:
                raise ContractError(f"partition {number}: row {key.hex()} is listed but not stored; rebuild the store")
            yield key, row_payload(key, row)


def _merged_versions(old: Sequence[Sequence[Row]]) -> list[Row]:
    """Policies as they are everywhere; weights as adopted by the first of the partitions.

    All work that is left is due later than any adoption, so either time decides the same.
    """
    merged: list[Row] = []
    for versions in zip(*old, strict=False):
        key, payload = versions[0]
        if key.startswith(POLICY_KEYS):
            same = all(version == versions[0] for version in versions)
        else:
            adopted = [decode_weights(version) for _, version in versions]
            same = all(item.data == adopted[0].data for item in adopted)
            payload = encode_version(AdoptedWeights(min(item.from_log_time_ms for item in adopted), adopted[0].data))
        if not same:
            raise _disagree()
        merged.append((key, pack_row(_UNMARKED, payload)))
    if len({len(versions) for versions in old}) > 1:
        raise _disagree()
    return merged


def _disagree() -> ContractError:
    return ContractError(
        "the partitions have not read the same policies and weights: start workers and trainer until they have"
    )


def _head(heads: Sequence[PartitionRow], number: int, partitions: int) -> bytes:
    """The partition row of new partition `number`."""
    counts: Counter[str] = Counter()
    for place, head in enumerate(heads):
        if place % partitions == number:
            counts.update(head.counts)
    first = heads[0]
    row = PartitionRow(
        topic_id=b"",
        log_time_ms=max(head.log_time_ms for head in heads),
        policy_version=first.policy_version,
        weights_version=first.weights_version,
        examples=heads[number].examples if number < len(heads) else 0,
        counts=dict(sorted(counts.items())),
        adopted_ms={version: min(head.adopted_ms[version] for head in heads) for version in first.adopted_ms},
        edit_swept=min(head.edit_swept for head in heads),
    )
    return pack_row(_UNMARKED, encode_partition_row(row))

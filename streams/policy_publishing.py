"""A new policy version, written into the log of every partition, for workers that go on running.

The version comes into force at an event time that is still to come in all partitions, so each of them decides by it
from the same instant on, wherever it has read to. What is in the logs already is known from the changelog, and behind
its marks from the logs themselves.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from features.errors import ContractError, PolicyError
from loyalty.decisions import instant
from loyalty.policy import parse_policy
from loyalty.policy.edits import edit_problems
from streams.client import Reader
from streams.codecs import decode
from streams.controls import PolicyData, PolicyRecord, is_signed, public_key_of
from streams.policy_files import later_policy
from streams.publishing import publish_policy
from streams.records import LogRecord
from streams.row_format import row_mark, row_payload
from streams.settings import Settings
from streams.state import PARTITION_KEY, decode_partition_row
from streams.topics import topic_partitions
from streams.version_rows import POLICY_KEYS, decode_policy

_NS_PER_MS = 1_000_000
_POLICY_TYPE = b"loyalty.control.policy"


class Published(NamedTuple):
    """The version, and the partitions that it was written into now; none where it was in all of them."""

    policy: PolicyData
    partitions: list[int]


class _Log(NamedTuple):
    """What is known of a partition: where its state stands, its log time, and the policy versions in its log."""

    mark: int
    log_time_ms: int
    policies: dict[int, PolicyData]


def publish_version(settings: Settings, path: Path, effective_from_ms: int, key: Ed25519PrivateKey) -> Published:
    """Write the file as the next policy version into every partition; a run that was broken off is completed.

    Raises:
        PolicyError: the file has problems, or changes what a new version may not change.
        ContractError: the versions in the logs, the time or the key do not allow it; nothing has been written.
        BrokerError: the broker did not acknowledge; run it again.
    """
    logs = _logs(settings)
    newest = _newest(logs)
    if public_key_of(key) not in newest.public_keys:
        raise ContractError("the signing key is none of the policy's, so no worker would take the record: --key FILE")
    lacking = [number for number, log in enumerate(logs) if newest.version not in log.policies]
    policy = later_policy(path, newest.version + 1, effective_from_ms, newest.public_keys)
    if policy.text == newest.text:
        if effective_from_ms != newest.effective_from_ms:
            since = instant(newest.effective_from_ms).isoformat()
            raise ContractError(f"{path}: is version {newest.version} already, in force from {since}")
        policy, partitions = newest, lacking
    else:
        if lacking:
            raise ContractError(
                f"version {newest.version} is not in partitions {lacking}: publish that file again first"
            )
        _check(policy, newest, path, _earliest_ms(settings, logs))
        partitions = list(range(len(logs)))
    publish_policy(settings, policy, key, partitions)
    if _newest(_logs(settings)) != policy:
        raise ContractError(f"another version {policy.version} was published at the same time: compare the two files")
    return Published(policy, partitions)


def _check(policy: PolicyData, newest: PolicyData, path: Path, earliest_ms: int) -> None:
    """That `policy` can follow `newest`, and that no partition has got past its time."""
    before, after = (parse_policy(data.text, f"policy version {data.version}") for data in (newest, policy))
    problems = list(edit_problems(before, after))
    if problems:
        raise PolicyError(str(path), problems)
    least_ms = max(earliest_ms, newest.effective_from_ms)
    if policy.effective_from_ms <= least_ms:
        raise ContractError(
            f"{instant(policy.effective_from_ms).isoformat()} is not to come in all partitions: name a time after "
            f"{instant(least_ms).isoformat()}, or partitions would change at different times"
        )


def _earliest_ms(settings: Settings, logs: Sequence[_Log]) -> int:
    """The latest time that any partition may have reached."""
    now_ms = time.time_ns() // _NS_PER_MS if settings.ticker == "live" else 0
    return max(now_ms, *(log.log_time_ms for log in logs))


def _newest(logs: Sequence[_Log]) -> PolicyData:
    """The newest version in any log, which no two logs may have in different words."""
    found: dict[int, PolicyData] = {}
    for number, log in enumerate(logs):
        if not log.policies:
            raise ContractError(f"partition {number} has no policy: make the topics first (tierstream topics)")
        for version, policy in log.policies.items():
            if found.setdefault(version, policy) != policy:
                raise ContractError(f"version {version} exists with another text or time in partition {number}")
    return found[max(found)]


def _logs(settings: Settings) -> list[_Log]:
    """What the changelog and, behind its marks, the logs say."""
    logs = [_Log(-1, 0, {}) for _ in range(topic_partitions(settings, "actions"))]
    with Reader(settings, ("changelog",)) as reader:
        for _, message in reader.to_end():
            key, value, log = message.key(), message.value(), logs[message.partition()]
            if value is not None and key == PARTITION_KEY and row_mark(value) >= log.mark:
                row = decode_partition_row(row_payload(key, value))
                logs[message.partition()] = log._replace(mark=row_mark(value), log_time_ms=row.log_time_ms)
            elif value is not None and key.startswith(POLICY_KEYS):
                policy = decode_policy(row_payload(key, value))
                log.policies[policy.version] = policy
    with Reader(settings, ("actions",), starts={number: log.mark + 1 for number, log in enumerate(logs)}) as reader:
        for _, message in reader.to_end():
            number, log = message.partition(), logs[message.partition()]
            logs[number] = log._replace(log_time_ms=max(log.log_time_ms, message.timestamp()[1]))
            if _POLICY_TYPE in (message.value() or b""):
                _note(log, LogRecord(number, message.offset(), message.timestamp()[1], message.key(), message.value()))
    return logs


def _note(log: _Log, record: LogRecord) -> None:
    """Add a version as a worker would: signed by a key of the version before, the first record of a number."""
    control = decode(record)
    if isinstance(control, PolicyRecord):
        last = log.policies[max(log.policies)] if log.policies else control.data
        if is_signed(control, last.public_keys) and control.data.version not in log.policies:
            log.policies[control.data.version] = control.data

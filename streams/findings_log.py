"""Findings on their way out: into the findings topic, and verdicts among them, signed, to the partition of the member.

A finding counts as reported once it stands in the topic. A trainer that starts reads which one stands there last, sends
its verdict once more, because its predecessor may have died in between, and reports nothing at or below it again: what
it finds while it learns again is old, whatever newer code would have made of it. The member takes each verdict once.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.types import TP

from online_models.findings import (
    Finding,
    PortraitFinding,
    VerdictFinding,
    WaveFinding,
    decode_finding,
    encode_finding,
    verdict_of,
)
from streams.changelog import ChangelogReader
from streams.controls import verdict_record
from streams.writers import Connection, RecordWriter

FINDINGS_PARTITION: Final = 0

SendVerdict = Callable[[VerdictFinding, bytes], Awaitable[None]]


class FindingsLog:
    """The findings topic: each number once, in order.

    Args:
        topic: Its name.
        connection: How to read it.
        writer: Appends to it.
        send: Sends a verdict to the member with a key; returns once it is acknowledged.
    """

    def __init__(self, topic: str, connection: Connection, writer: RecordWriter, send: SendVerdict) -> None:
        self._tp = TP(topic, FINDINGS_PARTITION)
        self._connection = connection
        self._writer = writer
        self._send = send
        self._newest = -1

    async def resume(self) -> None:
        """Find the newest finding that was reported, and send its verdict again."""
        async with ChangelogReader(self._connection) as reader:
            end = (await reader.ends([self._tp]))[self._tp]
            async for _, records, _ in reader.read({self._tp: max(0, end - 1)}, {self._tp: end}):
                for record in records:
                    finding = decode_finding(record.value)
                    self._newest = max(self._newest, finding.number)
                    await self._pass_on(finding, record.key or b"")

    async def report(self, finding: Finding, key: bytes) -> int:
        """Make `finding` known, unless it is; `key` is the member's id. Returns how many were new."""
        if finding.number <= self._newest:
            return 0
        # A wave and a portrait are about many members: the key would only name the last of them.
        named = None if isinstance(finding, WaveFinding | PortraitFinding) else key
        await self._writer.append(self._tp.topic, self._tp.partition, encode_finding(finding), key=named)
        self._newest = finding.number
        await self._pass_on(finding, key)
        return 1

    async def _pass_on(self, finding: Finding, key: bytes) -> None:
        if isinstance(finding, VerdictFinding):
            await self._send(finding, key)


class VerdictSender:
    """Writes verdicts into the actions topic, signed.

    Args:
        topic: The actions topic.
        key: Signs the records.
        writer: Appends them.
    """

    def __init__(self, topic: str, key: Ed25519PrivateKey, writer: RecordWriter) -> None:
        self._topic = topic
        self._key = key
        self._writer = writer

    async def __call__(self, finding: VerdictFinding, key: bytes) -> None:
        """Write a verdict for the member whose id is `key`; returns once it is acknowledged."""
        record = verdict_record(verdict_of(finding, key.decode()), self._key)
        partition = finding.judged.partition
        await self._writer.append(self._topic, partition, record, key=key, timestamp_ms=finding.log_time_ms)

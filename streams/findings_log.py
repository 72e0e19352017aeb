"""Findings on their way out: into the findings topic; verdicts and offers, signed, to the partition of the member.

A finding counts as reported once it stands in the topic. A trainer that starts reads which one stands there last, sends
the verdict or offer in it once more, because its predecessor may have died in between, and reports nothing at or below
it again: what it finds while it learns again is old, whatever newer code would have made of it. The member takes each
once.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.types import TP

from loyalty.offer_records import Offer
from loyalty.verdicts import Verdict
from online_models.finding_events import decode_finding, encode_finding
from online_models.findings import (
    Finding,
    OfferFinding,
    OffersFinding,
    PortraitFinding,
    VerdictFinding,
    WaveFinding,
    addressed_of,
)
from streams.changelog import ChangelogReader
from streams.controls import addressed_record
from streams.writers import Connection, RecordWriter

FINDINGS_PARTITION: Final = 0

Send = Callable[[Verdict | Offer, int, bytes], Awaitable[None]]
"""Sends what is addressed to a member, to a partition, under the member's id."""


class FindingsLog:
    """The findings topic: each number once, in order.

    Args:
        topic: Its name.
        connection: How to read it.
        writer: Appends to it.
        send: Sends a verdict or an offer; returns once it is acknowledged.
    """

    def __init__(self, topic: str, connection: Connection, writer: RecordWriter, send: Send) -> None:
        self._tp = TP(topic, FINDINGS_PARTITION)
        self._connection = connection
        self._writer = writer
        self._send = send
        self._newest = -1

    async def resume(self) -> None:
        """Find the newest finding that was reported, and send again what it leads to."""
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
        # What is about many members: the key would only name the last of them.
        named = None if isinstance(finding, WaveFinding | PortraitFinding | OffersFinding) else key
        await self._writer.append(self._tp.topic, self._tp.partition, encode_finding(finding), key=named)
        self._newest = finding.number
        await self._pass_on(finding, key)
        return 1

    async def _pass_on(self, finding: Finding, key: bytes) -> None:
        match finding:
            case VerdictFinding(judged=said) | OfferFinding(chosen=said):
                body = addressed_of(finding, key.decode())
                if body is not None:
                    await self._send(body, said.partition, key)
            case _:
                pass


class AddressedSender:
    """Writes verdicts and offers into the actions topic, signed.

    Args:
        topic: The actions topic.
        key: Signs the records.
        writer: Appends them.
    """

    def __init__(self, topic: str, key: Ed25519PrivateKey, writer: RecordWriter) -> None:
        self._topic = topic
        self._key = key
        self._writer = writer

    async def __call__(self, body: Verdict | Offer, partition: int, key: bytes) -> None:
        """Write it into a partition, for the member whose id is `key`; returns once it is acknowledged."""
        record = addressed_record(body, self._key)
        await self._writer.append(self._topic, partition, record, key=key, timestamp_ms=body.log_time_ms)

"""Findings are reported once, in order; verdicts and offers reach their members whatever happens to the trainer."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Self, cast

import msgspec
import pytest
from faust.types import TP

from loyalty.offer_records import Offer
from loyalty.verdicts import Verdict
from online_models.finding_events import decode_finding
from online_models.findings import Copied, Finding, Found, Judged, Wave, finding_of
from online_models.offer_findings import Chosen
from streams import findings_log
from streams.controls import OfferRecord, VerdictRecord, decode_control, is_signed, public_key_of
from streams.findings_log import AddressedSender, FindingsLog
from tests.support.partition_log import KEY

JUDGED = Judged(member="cc46", partition=3, verdict="hold", score=990, reason="600 actions in an hour", rates=())
COPIED = Copied(member="a", example="0-1", of_member="b", of_example="0-0", similarity_bp=9_000)
OFFERED = Chosen(
    member="cc46",
    partition=5,
    time_ms=7,
    segment="gold/few",
    chances_bp=(("", 1_000), ("double", 9_000)),
    offer="double",
)
NOT_OFFERED = msgspec.structs.replace(OFFERED, offer="")
WAVE = Wave(about="p-1", from_ms=0, until_ms=1, count=9, members=9, usual_micro=1, examples=(), quotes=())


@dataclass
class Written:
    """A record as the writer got it."""

    topic: str
    partition: int
    value: bytes
    key: bytes | None
    timestamp_ms: int | None


class DiedError(Exception):
    """The process ended here."""


@dataclass
class Kafka:
    """What was written, by topic; dies at the `dies_at`-th record."""

    records: list[Written] = field(default_factory=list)
    dies_at: int | None = None

    async def append(
        self, topic: str, partition: int, value: bytes, *, key: bytes | None = None, timestamp_ms: int | None = None
    ) -> int:
        if len(self.records) == self.dies_at:
            raise DiedError
        self.records.append(Written(topic, partition, value, key, timestamp_ms))
        return len(self.records) - 1

    def of(self, topic: str) -> list[Written]:
        return [record for record in self.records if record.topic == topic]


class Reader:
    """Reads the findings topic."""

    def __init__(self, kafka: Any) -> None:  # noqa: ANN401 - stands where a connection stands
        self._kafka = kafka

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def ends(self, partitions: Collection[TP]) -> dict[TP, int]:
        return {tp: len(self._kafka.of(tp.topic)) for tp in partitions}

    async def read(self, positions: Mapping[TP, int], ends: Mapping[TP, int]) -> AsyncIterator[tuple[TP, Any, int]]:
        for tp, start in positions.items():
            if start < ends[tp]:
                yield tp, self._kafka.of(tp.topic)[start : ends[tp]], ends[tp]


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(findings_log, "ChangelogReader", Reader)


def log_on(kafka: Kafka) -> FindingsLog:
    writer = cast("Any", kafka)
    return FindingsLog("findings", writer, writer, AddressedSender("actions", KEY, writer))


def findings() -> list[Finding]:
    found: tuple[Found, ...] = (COPIED, JUDGED, WAVE, JUDGED, OFFERED, NOT_OFFERED)
    return [finding_of(each, number, 10 * number, 1_000 + number) for number, each in enumerate(found)]


async def run(kafka: Kafka) -> None:
    """A trainer that starts, and finds everything from the first example again."""
    log = log_on(kafka)
    await log.resume()
    for finding in findings():
        await log.report(finding, b"m-42")


@pytest.mark.parametrize("dies_at", range(10))
def test_wherever_a_trainer_dies_its_successor_reports_the_rest_and_each_record_arrives(dies_at: int) -> None:
    kafka = Kafka(dies_at=dies_at)
    try:
        asyncio.run(run(kafka))
    except DiedError:
        kafka.dies_at = None
        asyncio.run(run(kafka))

    assert [decode_finding(record.value) for record in kafka.of("findings")] == findings()
    sent = dict.fromkeys(record.value for record in kafka.of("actions"))
    told = [cast("VerdictRecord | OfferRecord", decode_control(raw)).data for raw in sent]
    assert [(type(body), body.example_offset) for body in told] == [(Verdict, 10), (Verdict, 30), (Offer, 40)]


def test_a_verdict_is_signed_and_goes_to_the_members_partition_at_the_time_it_was_found() -> None:
    kafka = Kafka()
    asyncio.run(run(kafka))
    first = kafka.of("actions")[0]
    control = decode_control(first.value)
    assert isinstance(control, VerdictRecord)
    assert is_signed(control, (public_key_of(KEY),))
    assert (first.partition, first.key, first.timestamp_ms, control.data.member) == (3, b"m-42", 1_001, "m-42")


def test_an_offer_is_signed_and_goes_to_the_members_partition_at_the_time_of_its_moment() -> None:
    kafka = Kafka()
    asyncio.run(run(kafka))
    last = kafka.of("actions")[-1]
    control = decode_control(last.value)
    assert isinstance(control, OfferRecord)
    assert is_signed(control, (public_key_of(KEY),))
    assert (last.partition, last.key, last.timestamp_ms) == (5, b"m-42", 1_004)
    assert control.data == Offer("m-42", "double", 40, 1_004)


def test_a_wave_is_published_under_nobodys_key() -> None:
    kafka = Kafka()
    asyncio.run(run(kafka))
    assert [record.key for record in kafka.of("findings")] == [b"m-42", b"m-42", None] + 3 * [b"m-42"]

"""Judges what members share: effects between partitions, each applied once and in order, and draws anyone can check."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from loyalty.draw_checks import check_draws
from loyalty.draw_records import decode_draw
from streams.accounting import EFFECTS_APPLIED
from streams.effects import EFFECT_PREFIX, seal
from streams.keys import load_signing_key
from streams.pipeline import PartitionFold
from streams.records import LogRecord
from streams.settings import Settings
from tests.chaos.findings import Findings, digest_of

_EFFECT_TYPE = f'"type":"{EFFECT_PREFIX}'.encode()


@dataclass
class Exchanged:
    """What one partition has said to each other one, and what it has heard.

    `sent` and `arrived` are digests of signed records; `numbered` and `taken` how many by receiver and by sender.
    """

    partition: int
    sent: dict[int, set[bytes]] = field(default_factory=dict)
    arrived: set[bytes] = field(default_factory=set)
    numbered: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)


def noticing(log: Iterable[LogRecord], exchanged: Exchanged) -> Iterator[LogRecord]:
    """The log as it is, with the effects in it noted."""
    for record in log:
        if record.value is not None and _EFFECT_TYPE in record.value:
            exchanged.arrived.add(digest_of(record.value))
        yield record


def note_sent(settings: Settings, fold: PartitionFold, effects: Iterable[bytes], exchanged: Exchanged) -> None:
    """What the oracle's partition has sent, signed as a worker signs it."""
    key = load_signing_key(settings.signing_key_file)
    for sealed in (seal(value, key) for value in effects):
        exchanged.sent.setdefault(sealed.receiver, set()).add(digest_of(sealed.value))
    row = fold._partition.row
    exchanged.numbered, exchanged.taken = dict(row.effects_out), dict(row.effects_in)


def judge_effects(findings: Findings, partitions: list[Exchanged]) -> None:
    """Each effect has arrived where it was to go, nothing else has, and each was taken once."""
    for here in partitions:
        wanted = {digest for other in partitions for digest in other.sent.get(here.partition, set())}
        findings.seen["effects"] += len(wanted)
        for digest in wanted - here.arrived:
            findings.mistake("effect_mismatches", f"partition {here.partition}: {digest.hex()} never arrived")
        for digest in here.arrived - wanted:
            findings.mistake("effect_mismatches", f"partition {here.partition}: {digest.hex()} is of no event")
        for other in partitions:
            said, heard = other.numbered.get(here.partition, 0), here.taken.get(other.partition, 0)
            if said != heard:
                text = f"{other.partition} has sent {said} to {here.partition}, which has taken {heard}"
                findings.mistake("effect_mismatches", text)
    taken = sum(sum(here.taken.values()) for here in partitions)
    if findings.seen[EFFECTS_APPLIED] != taken:
        findings.mistake("effect_mismatches", f"{findings.seen[EFFECTS_APPLIED]} effects counted, {taken} taken")


def judge_points_moved(findings: Findings) -> None:
    """Links between members make no points and lose none."""
    moved = sum(findings.seen[f"points.transferred_{way}"] for way in ("in", "out"))
    if moved:
        findings.mistake("link_mismatches", f"links between members have made {moved} points")


def judge_draws(findings: Findings, right: list[bytes], delivered: list[bytes]) -> None:
    """What was published of draws is what the log leads to, and stands up to anyone's check."""
    findings.seen["draw_records"] += len(set(delivered))
    if set(right) != set(delivered):
        findings.mistake("draw_mismatches", f"{len(set(right) ^ set(delivered))} records differ")
    for check in check_draws(map(decode_draw, delivered)):
        for problem in check.problems:
            findings.mistake("draw_mismatches", f"{check.draw}: {problem}")

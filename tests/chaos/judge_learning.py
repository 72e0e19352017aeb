"""Judges what was learned: each example counts once, and the published weights are those that the examples give."""

from collections.abc import Iterable

from features.errors import ContractError
from online_models.finding_events import decode_finding
from online_models.published import decode_published
from streams.replay import check_published
from streams.settings import Settings
from streams.topics import topic_name
from tests.chaos.findings import Findings, digest_of
from tests.chaos.topics_read import messages_of
from tests.support.delivered import once


def judge_learning(settings: Settings) -> Findings:
    """Learn again from the recorded examples, and compare with every record of the weights topic."""
    findings = Findings()
    examples = [
        (message.offset(), bytes(message.value()))
        for message in messages_of(settings.bootstrap_servers, topic_name(settings, "examples"), 0)
    ]
    records = [
        bytes(message.value())
        for message in messages_of(settings.bootstrap_servers, topic_name(settings, "weights"), 0)
    ]
    judge_weights(findings, examples, records)
    found = messages_of(settings.bootstrap_servers, topic_name(settings, "findings"), 0)
    judge_findings(findings, (bytes(message.value()) for message in found))
    findings.examples = sorted({digest_of(value) for _, value in examples})
    return findings


def judge_weights(findings: Findings, examples: list[tuple[int, bytes]], records: list[bytes]) -> None:
    """One version never has two contents, and each is what the examples before it give."""
    first: dict[int, bytes] = {}
    for raw in records:
        version = decode_published(raw).version
        if first.setdefault(version, raw) != raw:
            findings.mistake("weights_mismatches", f"two records of version {version} differ")
    findings.seen["example_deliveries"] = len(examples)
    findings.seen["weights_records"] = len(records)
    findings.seen["weights_versions"] = len(first)
    findings.weights_version = max(first, default=0)
    try:
        check_published(once(examples), [decode_published(first[version]) for version in sorted(first)])
    except ContractError as failure:
        findings.mistake("weights_mismatches", str(failure))


def judge_findings(findings: Findings, records: Iterable[bytes]) -> None:
    """A trainer reports each finding under one number, the same whoever reports it."""
    first: dict[int, bytes] = {}
    for raw in records:
        number = decode_finding(raw).number
        if first.setdefault(number, raw) != raw:
            findings.mistake("finding_mismatches", f"two records of finding {number} differ")
    findings.seen["findings"] = len(first)


def judge_examples(findings: Findings, delivered: list[bytes]) -> None:
    """Hold the digests of all delivered examples against those that the partitions' logs give."""
    wanted, got = set(findings.examples), set(delivered)
    findings.seen["examples"] = len(wanted)
    for digest in wanted - got:
        findings.mistake("example_mismatches", f"never delivered: {digest.hex()}")
    for digest in got - wanted:
        findings.mistake("example_mismatches", f"of no event in the log: {digest.hex()}")

"""The report of a campaign: what was done, and everything that was wrong."""

import signal
from pathlib import Path

import msgspec

from streams.accounting import (
    ACTIONS_IN,
    APPLIED,
    DEAD_LETTERED,
    DUPLICATES,
    EFFECTS_APPLIED,
    EFFECTS_REPEATED,
    FORWARDED,
)
from tests.chaos.campaign import Order, Ran
from tests.chaos.findings import Findings


class Report(msgspec.Struct, frozen=True):
    """What `out/chaos/report.json` holds. All of `violations` are zero in a right run.

    `lost` and `duplicated` are decisions as a reader has them who keeps the last number per member and topic;
    `different_bytes` are pairs of deliveries under one number that differ. `unavailable_s`: seconds in which some
    partition took no state for two seconds or longer though actions arrived. `peak_mib` is the most resident memory
    that a worker or trainer took.
    """

    seed: int
    actions: int
    faults: int
    faults_by_kind: dict[str, int]
    lost: int
    duplicated: int
    ledger_mismatches: int
    tier_event_mismatches: int
    unavailable_s: float
    different_bytes: int
    violations: dict[str, int]
    problems: list[str]
    mistakes: list[str]
    longest_still_s: float
    settled_after_s: float
    seconds: float
    judged_in_s: float
    deliberate_duplicates: int
    accounting: dict[str, int]
    looked_at: dict[str, int]
    exit_codes: dict[str, dict[str, int]]
    peak_mib: dict[str, int]
    ok: bool


def make_report(order: Order, ran: Ran, found: Findings, seconds: float, judged_in_s: float) -> Report:
    """Put together what a campaign came to."""
    wrong = found.wrong
    seen = found.seen
    problems = list(ran.problems)
    # A process that is still loading when it is asked to stop does so at once, by the signal's own default.
    in_order = (0, -signal.SIGTERM)
    problems += [
        f"{name} did not stop in order: {code}" for name, code in ran.last_stops.items() if code not in in_order
    ]
    arrived = seen[ACTIONS_IN] - seen[FORWARDED]
    if arrived != ran.sent.actions + ran.sent.again:
        problems.append(f"{ran.sent.actions} + {ran.sent.again} records were acknowledged, the log holds {arrived}")
    missing = sum(ran.faults.values()) < order.faults
    if missing:
        problems.append(f"{sum(ran.faults.values())} faults of {order.faults}")
    accounting = {name: seen[name] for name in _ACCOUNTING}
    looked_at = {name: count for name, count in sorted(seen.items()) if name.endswith(_LOOKED_AT)}
    return Report(
        seed=order.seed,
        actions=ran.sent.actions,
        faults=sum(ran.faults.values()),
        faults_by_kind=dict(sorted(ran.faults.items())),
        lost=wrong["lost"],
        duplicated=wrong["duplicated"],
        ledger_mismatches=wrong["points_mismatches"],
        tier_event_mismatches=wrong["tier-changes_mismatches"],
        unavailable_s=ran.unavailable_s,
        different_bytes=wrong["different_bytes"],
        violations=dict(sorted(wrong.items())),
        problems=problems,
        mistakes=found.shown,
        longest_still_s=ran.longest_still_s,
        settled_after_s=ran.settled_after_s,
        seconds=round(seconds, 1),
        judged_in_s=round(judged_in_s, 1),
        deliberate_duplicates=ran.sent.again,
        accounting=accounting,
        looked_at=looked_at,
        exit_codes=ran.exit_codes,
        peak_mib=ran.peak_mib,
        ok=not wrong and not problems,
    )


_ACCOUNTING = (ACTIONS_IN, APPLIED, DUPLICATES, FORWARDED, DEAD_LETTERED, EFFECTS_APPLIED, EFFECTS_REPEATED)
_LOOKED_AT = (
    "records",
    "deliveries",
    "decisions",
    "rows",
    "audited_members",
    "examples",
    "versions",
    "findings",
    "effects",
)


def write_report(path: Path, report: object) -> None:
    """Write it where others look for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")

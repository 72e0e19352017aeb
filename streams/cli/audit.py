"""`tierstream audit`: whether table, ledger and log agree."""

from typing import Annotated

import msgspec
import typer

from streams.cli.options import Broker, Prefix, SettingsFile, load_settings, say
from streams.cli.progress import progress
from streams.ledger_audit import AuditReport, audit_ledger, report_of
from streams.topics import topic_partitions

_MISMATCH = 1
_SHOWN = 20


def audit(
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
    member: Annotated[str | None, typer.Option("--member", help="Look at this member only.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,  # noqa: FBT002 - a flag
) -> None:
    """Re-derive every balance from loyalty.points, and compare it with the member table and with the log folded anew.

    Workers may go on meanwhile. The exit code is 1 where anything differs.

    Example: tierstream audit --broker 127.0.0.1:9092
    """
    settings = load_settings(settings_file, bootstrap_servers=broker, topic_prefix=prefix)
    with progress("audit", topic_partitions(settings, "actions") if member is None else 1) as advance:
        report = report_of(audit_ledger(settings, member, lambda _partition: advance(1)))
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        _say(report)
    if not report.right:
        raise typer.Exit(_MISMATCH)


def _say(report: AuditReport) -> None:
    seen = f"{report.entries:,} entries of {report.members:,} members in {len(report.partitions)} partitions"
    more = f"{report.redelivered:,} redelivered, {report.ahead:,} on their way"
    say(f"{seen} ({more}): {'all agree' if report.right else 'they do not agree'}")
    for kind, count in sorted(report.by_kind.items()):
        say(f"\n{kind}: {count}\n  cure: {report.cures[kind]}")
        found = [wrong for part in report.partitions for wrong in part.mismatches if wrong.kind == kind]
        for wrong in found[:_SHOWN]:
            whose = f" member {wrong.member}" if wrong.member else ""
            say(f"  partition {wrong.partition}{whose}: {wrong.detail}")
        if count > _SHOWN:
            say(f"  and {count - _SHOWN} more (--json shows all)")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("audit")(audit)

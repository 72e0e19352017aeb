"""`tierstream liability`: what is outstanding, how it came about, and what will become of it."""

import signal
from collections.abc import Mapping
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from features.errors import HistoryError
from features.event_time import ZoneRules
from loyalty.point_value import PointValue, point_value
from streams.cli.options import Broker, Prefix, SettingsFile, load_settings, say
from streams.cli.progress import progress
from streams.cli.workers import WebPort
from streams.histories.files import read_lines, write_lines
from streams.liability import LedgerReading
from streams.logs import configure_logs
from streams.policy_files import read_policy
from streams.zones import zone_rules

if TYPE_CHECKING:
    from online_models.breakage import Evidence
    from streams.liability_following import LedgerFollower
    from streams.liability_report import Expected, LiabilityReport
    from streams.settings import Settings

_BP_PER_PERCENT = 100
_EVIDENCE: Mapping["Evidence", str] = {
    "none": "nobody has redeemed yet, so nothing is known",
    "thin": "little is known yet",
    "enough": "enough is known",
}


def liability(  # noqa: PLR0913 - one option each
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
    *,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="Says what a point is worth and whose days count; without it neither, and UTC."),
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option("--decisions", help="Read this decisions.jsonl of a replay, and no broker.")
    ] = None,
    daily: Annotated[
        Path | None, typer.Option("--daily", help="Write the roll-forward by day into this file, .csv or .json.")
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--checkpoint", help="File to go on from, and to keep what has been read.")
    ] = None,
    next_generation: Annotated[
        bool, typer.Option("--next-generation", help="The checkpoint is of the topics before `repartition`.")
    ] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on until SIGTERM, and serve metrics.")] = False,
    web_port: WebPort = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole report as JSON.")] = False,
) -> None:
    """Add up the liability of all members' points and forecast redemption and breakage, from ledger entries alone.

    Example: tierstream liability --broker 127.0.0.1:9092 --policy deploy/policies/retail.toml
    """
    if decisions is not None and (follow or checkpoint is not None):
        raise typer.BadParameter("a file is read once: --follow and --checkpoint are for a broker")
    settings = load_settings(settings_file, bootstrap_servers=broker, topic_prefix=prefix, web_port=web_port)
    zone, value = _terms(policy or settings.policy_file)
    if decisions is not None:
        reading = _read_file(decisions, zone)
    else:
        # Only who reads a broker needs its client; forecasts load numpy, which other commands need not wait for.
        from streams.liability_following import LedgerFollower  # noqa: PLC0415 - see above

        follower = LedgerFollower(settings, zone, checkpoint, next_generation=next_generation)
        if follow:
            _follow(settings, follower, value)
        else:
            with progress("entries", None) as advance:
                follower.to_end(advance)
        reading = follower.reading
    _tell(reading, value, as_json=as_json)
    if daily is not None:
        _write_days(reading, daily)


def _terms(policy_file: Path | None) -> tuple[ZoneRules, PointValue | None]:
    """Whose days count, and what a point is worth."""
    if policy_file is None:
        return ZoneRules.utc(), None
    _, policy = read_policy(policy_file)
    return zone_rules(policy.programme.time_zone), point_value(policy)


def _read_file(path: Path, zone: ZoneRules) -> LedgerReading:
    reading = LedgerReading(zone)
    with progress(f"entries of {path.name}", None) as advance:
        for number, line in enumerate(read_lines(path), start=1):
            try:
                reading.take(line)
            except msgspec.MsgspecError as error:
                raise HistoryError(f"{path}:{number}: is no decision ({error}); name the file of a replay") from error
            advance(1)
    return reading


def _follow(settings: "Settings", follower: "LedgerFollower", value: PointValue | None) -> None:
    """Serve metrics until somebody says stop."""
    from prometheus_client import start_http_server  # noqa: PLC0415 - as above

    from streams.liability_following import show_liability  # noqa: PLC0415 - as above
    from streams.liability_report import report_of  # noqa: PLC0415 - as above
    from streams.metrics import Metrics  # noqa: PLC0415 - as above

    configure_logs(settings.log_level)
    stop, metrics = Event(), Metrics()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    if settings.metrics:
        server, _ = start_http_server(settings.web_port, settings.web_host, metrics.registry)
        say(f"metrics on http://{settings.web_host}:{server.server_port}/metrics/")
    follower.follow(lambda behind: show_liability(metrics, report_of(follower.reading, value), behind), stop.is_set)


def _tell(reading: LedgerReading, value: PointValue | None, *, as_json: bool) -> None:
    from streams.liability_report import report_of  # noqa: PLC0415 - as above

    report = report_of(reading, value)
    if as_json:
        say(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        _say(report)


def _write_days(reading: LedgerReading, path: Path) -> None:
    from streams.liability_report import daily_csv, daily_json  # noqa: PLC0415 - as above

    lines = reading.book.roll_forward()
    if path.suffix == ".json":
        write_lines(path, [daily_json(lines)])
    else:
        write_lines(path, daily_csv(lines).splitlines())


def _say(report: "LiabilityReport") -> None:
    points, ahead = report.points, report.forecast
    say(f"{report.entries:,} entries of {report.members:,} members, up to {report.as_of}")
    if report.incomplete_members:
        say(f"NOT COMPLETE: of {report.incomplete_members:,} members an entry is missing (docs/liability.md)")
    say(f"outstanding {points.pending + points.active:,}: {points.active:,} active, {points.pending:,} pending")
    say(f"owed by members {points.owed:,}, so all balances come to {points.net:,}")
    moved = ", ".join(f"{side} {moved:+,}" for side, moved in report.since_the_beginning.items())
    say(f"since the ledger began: {moved or 'nothing'}")
    if report.point_value is not None:
        value = report.point_value
        say(f"a point is worth {value.ppm:,} millionths of a minor unit of {value.currency} (by {value.source})")
    total = ahead.total
    say(f"\nof {_worth(ahead.outstanding.points, ahead.outstanding.minor)} will be")
    say(f"  redeemed    {_range(total.redeemed)}")
    say(f"  breakage    {_range(total.breakage)}")
    say(f"  taken back  {_worth(total.taken_back.points, total.taken_back.minor)}")
    say(f"  left        {_worth(total.left.points, total.left.minor)}")
    percent = ahead.credibility_bp // _BP_PER_PERCENT
    say(f"{percent}% rest on what was seen as long before expiry: {_EVIDENCE[ahead.evidence]}")
    _say_months(report)


def _say_months(report: "LiabilityReport") -> None:
    expiring = {held.month: held.points for held in report.by_expiry_month}
    say(f"\n{'month':<12}{'expiring':>14}{'redeemed':>14}{'breakage':>14}{'at least':>14}{'at most':>14}{'left':>14}")
    for month in report.forecast.months:
        broken = month.breakage
        figures = (expiring.pop(month.month, 0), month.redeemed.points, broken.points, broken.low, broken.high)
        say(f"{month.month:<12}" + "".join(f"{points:>14,}" for points in (*figures, month.left.points)))
    for name, held in expiring.items():
        say(f"{name:<12}{held:>14,}")


def _worth(points: int, minor: int | None) -> str:
    return f"{points:,}" if minor is None else f"{points:,} points ({minor:,} minor units)"


def _range(said: "Expected") -> str:
    interval = f", {said.low:,} to {said.high:,} nine times in ten"
    return _worth(said.points, said.minor) + interval


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("liability")(liability)

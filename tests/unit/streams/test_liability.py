"""The liability command and its parts without a broker: files, checkpoints, money, metrics."""

import csv
import json
from pathlib import Path

import msgspec
import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner, Result

from features.errors import ContractError, HistoryError
from features.event_time import ZoneRules
from loyalty.liability import INACTIVITY, Flow, LiabilityBook, month_name
from loyalty.point_value import PointValue
from streams.cli import app
from streams.liability import LedgerReading
from streams.liability_following import show_liability
from streams.liability_report import LiabilityReport, daily_csv, daily_json, moment_of, report_of
from streams.metrics import Metrics
from streams.records import LogIdentity
from streams.zones import zone_rules
from tests.support.ledger_evidence import Worker, some_log
from tests.support.member_desk import ms
from tests.support.partition_log import POLICIES

RETAIL = str(POLICIES / "retail.toml")
NEW_YORK = zone_rules("America/New_York")
TOPIC = LogIdentity(b"points-topic-id!", 2)


@pytest.fixture(scope="module")
def values() -> list[bytes]:
    """The entries of three members over three months."""
    return Worker(some_log()).points


def read(values: list[bytes], zone: ZoneRules = NEW_YORK, topic: LogIdentity | None = None) -> LedgerReading:
    reading = LedgerReading(zone, topic)
    for offset, value in enumerate(values):
        reading.take_from(offset % 2, offset, value)
    return reading


# Checkpoints


def test_a_checkpoint_goes_on_where_it_was(values: list[bytes]) -> None:
    half = read(values[:20], topic=TOPIC)
    resumed = LedgerReading.resumed(half.checkpoint(), NEW_YORK, TOPIC)
    assert (resumed.book, resumed.offsets, resumed.members) == (half.book, {0: 19, 1: 20}, half.members)
    assert not any(resumed.take(value) for value in values[:20])
    assert all(resumed.take(value) for value in values[20:])
    assert resumed.book == read(values).book


@pytest.mark.parametrize("damage", ["cut", "empty", "another format"])
def test_a_damaged_checkpoint_is_refused(values: list[bytes], damage: str) -> None:
    raw = read(values, topic=TOPIC).checkpoint()
    broken = {
        "cut": raw[: len(raw) // 2],
        "empty": b"",
        "another format": raw.replace(b"\x93\x01", b"\x93\x02", 1),
    }[damage]
    assert broken != raw
    with pytest.raises(ContractError, match="checkpoint"):
        LedgerReading.resumed(broken, NEW_YORK, TOPIC)


def test_a_checkpoint_with_one_wrong_bit_is_refused(values: list[bytes]) -> None:
    raw = read(values, ZoneRules.utc(), TOPIC).checkpoint()
    for at in range(0, len(raw), 7):
        with pytest.raises(ContractError, match="checkpoint"):
            LedgerReading.resumed(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :], ZoneRules.utc(), TOPIC)


def test_a_checkpoint_of_another_zone_or_topic_is_refused_unless_it_is_of_the_generation_before(
    values: list[bytes],
) -> None:
    raw = read(values[:20], topic=TOPIC).checkpoint()
    with pytest.raises(ContractError, match="not of UTC"):
        LedgerReading.resumed(raw, ZoneRules.utc(), TOPIC)
    later = LogIdentity(b"the-next-topic!!", 8)
    with pytest.raises(ContractError, match="--next-generation"):
        LedgerReading.resumed(raw, NEW_YORK, later)
    resumed = LedgerReading.resumed(raw, NEW_YORK, later, next_generation=True)
    assert resumed.offsets == {}
    assert all(resumed.take(value) for value in values[20:])  # numbers of members go on in the new topics
    assert resumed.book == read(values).book


def test_a_ledger_that_does_not_begin_here_is_told(values: list[bytes]) -> None:
    reading = LedgerReading(NEW_YORK)
    assert not any(reading.take(value) for value in values if b'"sequence":1,' not in value)
    assert reading.incomplete == 3
    assert report_of(reading, None).incomplete_members == 3
    for value in values * 40:
        reading.take(value)
    assert reading.incomplete == 0


# Money


def money_adds_up(report: LiabilityReport) -> None:
    ahead, total = report.forecast, report.forecast.total
    ends = (total.redeemed.minor, total.breakage.minor, total.taken_back.minor, total.left.minor)
    assert ahead.outstanding.minor == sum(minor or 0 for minor in ends)
    for name in ("redeemed", "breakage"):
        parts = [getattr(month, name) for month in ahead.months]
        assert sum(part.minor for part in parts) == getattr(total, name).minor
        assert all(part.low_minor <= part.minor <= part.high_minor for part in parts)
    assert ahead.months[-1].left.minor == total.left.minor


@pytest.mark.parametrize("ppm", [1, 333_333, 1_041_667, 7_000_001])
def test_money_adds_up_as_points_do(values: list[bytes], ppm: int) -> None:
    report = report_of(read(values), PointValue("USD", ppm, "policy"))
    assert report.forecast.outstanding.minor == round(report.forecast.outstanding.points * ppm / 1_000_000)
    money_adds_up(report)


@pytest.mark.parametrize("ppm", [333_333, 500_000, 1_500_000])
def test_intervals_of_money_hold_what_they_are_around_however_little_it_is(values: list[bytes], ppm: int) -> None:
    reading = read(values)
    now = moment_of(reading.book).month
    reading.book.flows.clear()
    gone = Flow(redeemed=1, expired=10**6 - 1, redemptions=1, redeemed_squares=1)
    reading.book.flows[INACTIVITY] = {now - 5: Flow(issued=10**6), now - 1: gone}
    for month in range(now + 1, now + 9):  # a point each, of which hardly any chance is that it is redeemed
        reading.book.flows[month] = {now - 1: Flow(issued=1)}
    report = report_of(reading, PointValue("USD", ppm, "policy"))
    assert [month.breakage.low for month in report.forecast.months[1:9]] == [1] * 8
    money_adds_up(report)


def test_the_moment_is_just_after_the_newest_entry_in_the_months_of_the_zone() -> None:
    def at(text: str) -> tuple[str, float]:
        moment = moment_of(LiabilityBook(NEW_YORK, as_of_ms=ms(text)))
        return month_name(moment.month), round(moment.elapsed, 6)

    assert at("2017-02-15T05:00") == ("2017-02", 0.5)
    assert at("2017-03-01T04:59:59") == ("2017-02", 1.0)
    assert at("2017-03-01T05:00") == ("2017-03", 0.0)
    assert moment_of(LiabilityBook(NEW_YORK, as_of_ms=ms("2017-03-01T05:00"))).elapsed > 0  # the entry is known


def test_without_a_value_there_is_no_money(values: list[bytes]) -> None:
    assert b"minor" not in msgspec.json.encode(report_of(read(values), None))


# The command


def tierstream(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["liability", *arguments], catch_exceptions=False)


@pytest.fixture
def decisions(values: list[bytes], tmp_path: Path) -> Path:
    """A file as a replay leaves it: other decisions lie between."""
    path = tmp_path / "decisions.jsonl"
    other = b'{"type":"loyalty.tier.joined","subject":"m-1","data":{"sequence":1}}'
    path.write_bytes(b"\n".join([other, *values, other, b""]))
    return path


def test_a_replay_is_reported_on_as_the_schema_says(decisions: Path, values: list[bytes], repository: Path) -> None:
    said = tierstream("--decisions", str(decisions), "--policy", RETAIL, "--json")
    assert said.exit_code == 0
    schema = json.loads((repository / "docs/contract/schemas/report.liability.json").read_bytes())
    Draft202012Validator(schema).validate(json.loads(said.stdout))
    report = msgspec.json.decode(said.stdout, type=LiabilityReport)
    value = PointValue("USD", 1_041_667, "voucher-25")
    assert report == report_of(read(values), value)
    assert report.time_zone == "America/New_York"
    assert sum(held.points for held in report.by_expiry_month) == report.points.pending + report.points.active
    assert report.by_expiry_month[0].month == "2018-03"  # the end of the quarter, in New York
    assert report.forecast.evidence == "none"
    total = report.forecast.total
    assert total.breakage.points + total.taken_back.points == report.forecast.outstanding.points


def test_the_table_says_what_matters(decisions: Path) -> None:
    said = tierstream("--decisions", str(decisions)).stdout
    assert "nobody has redeemed yet" in said
    assert "outstanding" in said
    assert "2018-03" in said
    assert "minor" not in said


@pytest.mark.parametrize("ending", ["csv", "json"])
def test_the_roll_forward_is_written_by_day(decisions: Path, tmp_path: Path, ending: str, repository: Path) -> None:
    file = tmp_path / f"days.{ending}"
    assert tierstream("--decisions", str(decisions), "--daily", str(file)).exit_code == 0
    text = file.read_text(encoding="utf-8")
    days = list(csv.DictReader(text.splitlines())) if ending == "csv" else json.loads(text)
    if ending == "json":
        schema = json.loads((repository / "docs/contract/schemas/report.liability-day.json").read_bytes())
        for day in days:
            Draft202012Validator(schema).validate(day)
    moved = ("issued", "spent", "expired", "clawed_back", "cancelled", "penalised", "adjusted", "transferred")
    opening = 0
    for day in days:
        assert int(day["opening"]) == opening
        opening += sum(int(day[side]) for side in moved)
        assert int(day["closing"]) == opening == int(day["pending"]) + int(day["active"]) - int(day["owed"])
    assert len(days) > 60


def test_a_line_that_is_no_decision_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.jsonl"
    file.write_bytes(b'{"type":"loyalty.points.earned","subject":')
    with pytest.raises(HistoryError, match=r"broken\.jsonl:1: is no decision"):
        tierstream("--decisions", str(file))


def test_a_file_is_not_followed(decisions: Path) -> None:
    refused = tierstream("--decisions", str(decisions), "--follow")
    assert refused.exit_code == 2
    assert "a file is read once" in refused.output


def test_an_empty_ledger_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "none.jsonl"
    file.write_bytes(b"")
    days = tmp_path / "days.csv"
    assert tierstream("--decisions", str(file), "--daily", str(days)).exit_code == 0
    assert days.read_bytes() == daily_csv([])
    assert daily_json([]) == b"[]"


# Metrics


def test_the_report_is_shown_as_metrics(values: list[bytes]) -> None:
    metrics, reading = Metrics(), read(values)
    report = report_of(reading, PointValue("USD", 2_000_000, "policy"))
    show_liability(metrics, report, {0: 3, 1: 0})
    assert metrics.value("tierstream_liability_points", state="active") == report.points.active > 0
    assert metrics.value("tierstream_liability_points", state="pending") == report.points.pending > 0
    assert metrics.value("tierstream_liability_moved_points", side="issued") == report.since_the_beginning["issued"]
    outlook = report.forecast.total.breakage
    assert metrics.value("tierstream_liability_forecast_points", fate="breakage") == outlook.points
    assert metrics.value("tierstream_liability_forecast_points", fate="breakage_low") == outlook.low
    assert metrics.value("tierstream_liability_forecast_minor", fate="breakage") == 2 * outlook.points
    assert metrics.value("tierstream_liability_members", state="complete") == 3
    assert metrics.value("tierstream_lag_records", partition="0") == 3

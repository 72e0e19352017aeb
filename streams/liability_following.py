"""The liability read from the broker: up to now, or on and on, with a checkpoint to go on from after a crash."""

import time
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import TopicPartition

from features.errors import ContractError, SettingsError
from features.event_time import ZoneRules
from streams.client import Reader
from streams.liability import LedgerReading
from streams.liability_report import LiabilityReport
from streams.logs import fields, log
from streams.metrics import Metrics
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name
from streams.whole_files import replace_file

# A forecast takes a tenth of a second, a checkpoint of a million members a second.
_SHOW_EVERY_S = 2.0
_SAVE_EVERY_S = 10.0


class LedgerFollower:
    """Reads `loyalty.points` from where the checkpoint left off; `topic` is which topic of that name it is.

    Args:
        settings: The broker and the topics' names.
        zone: Whose local days and months count.
        checkpoint: The file to go on from and to keep, None to read everything.
        next_generation: The checkpoint is of the generation of topics before this one.

    Raises:
        BrokerError: the topic does not exist or the broker does not answer.
    """

    def __init__(
        self, settings: Settings, zone: ZoneRules, checkpoint: Path | None, *, next_generation: bool = False
    ) -> None:
        self._settings = settings
        self._checkpoint = checkpoint
        self.topic = TopicAdmin(settings).log_identity("points")
        self.reading = self._resumed(zone, next_generation=next_generation) or LedgerReading(zone, self.topic)

    def _resumed(self, zone: ZoneRules, *, next_generation: bool) -> LedgerReading | None:
        """What the checkpoint holds; one that is damaged or does not fit costs time, since all is read again."""
        if self._checkpoint is None:
            return None
        try:
            raw = self._checkpoint.read_bytes()
            return LedgerReading.resumed(raw, zone, self.topic, next_generation=next_generation)
        except FileNotFoundError:
            return None
        except OSError as failure:
            raise SettingsError(f"{self._checkpoint}: cannot be read: {failure}; name a file for the checkpoint") from (
                failure
            )
        except ContractError as refused:
            log("liability").warning("checkpoint refused: reading from the start", extra=fields(reason=str(refused)))
            return None

    def save(self) -> None:
        """Keep what has been read, where there is a place for it."""
        if self._checkpoint is not None:
            replace_file(self._checkpoint, self.reading.checkpoint())

    def to_end(self, on_record: Callable[[int], None]) -> None:
        """Read what there is now."""
        with self._reader() as reader:
            for _, message in reader.to_end():
                self.reading.take_from(message.partition(), message.offset(), message.value() or b"")
                on_record(1)
        self.save()

    def follow(self, show: Callable[[dict[int, int]], None], stopped: Callable[[], bool]) -> None:
        """Read on until `stopped`; `show` is told now and then how many records each partition is behind.

        The checkpoint is kept now and then and at the end. After a crash in between some records are read again.
        """
        shown_s = saved_s = time.monotonic()
        fresh, unsaved = True, False
        with self._reader() as reader:
            while not stopped():
                for _, message in reader.poll():
                    self.reading.take_from(message.partition(), message.offset(), message.value() or b"")
                    fresh = unsaved = True
                now_s = time.monotonic()
                if fresh and now_s >= shown_s:
                    show(self._behind(reader))
                    fresh, shown_s = False, now_s + _SHOW_EVERY_S
                if unsaved and now_s >= saved_s:
                    self.save()
                    unsaved, saved_s = False, now_s + _SAVE_EVERY_S
        self.save()

    def _behind(self, reader: Reader) -> dict[int, int]:
        name, offsets = topic_name(self._settings, "points"), self.reading.offsets
        return {
            number: reader.end(TopicPartition(name, number)) - offsets.get(number, 0)
            for number in range(self.topic.partitions)
        }

    def _reader(self) -> Reader:
        return Reader(self._settings, ("points",), starts=self.reading.offsets)


def show_liability(metrics: Metrics, report: LiabilityReport, behind: dict[int, int]) -> None:
    """Turn a report into metrics."""
    for state, points in (
        ("pending", report.points.pending),
        ("active", report.points.active),
        ("owed", report.points.owed),
    ):
        metrics.set("liability_points", state, points)
    for side, moved in report.since_the_beginning.items():
        metrics.set("liability_moved_points", side, moved)
    total = report.forecast.total
    for fate, said in (("redeemed", total.redeemed), ("breakage", total.breakage)):
        metrics.set("liability_forecast_points", fate, said.points)
        metrics.set("liability_forecast_points", f"{fate}_low", said.low)
        metrics.set("liability_forecast_points", f"{fate}_high", said.high)
        if said.minor is not None:
            metrics.set("liability_forecast_minor", fate, said.minor)
    for fate, amount in (("taken_back", total.taken_back), ("left", total.left)):
        metrics.set("liability_forecast_points", fate, amount.points)
        if amount.minor is not None:
            metrics.set("liability_forecast_minor", fate, amount.minor)
    metrics.set("liability_credibility_bp", "redeemed", report.forecast.credibility_bp)
    metrics.set("liability_members", "complete", report.members - report.incomplete_members)
    metrics.set("liability_members", "incomplete", report.incomplete_members)
    for partition, records in behind.items():
        metrics.set("lag_records", partition, records)

"""One checked list of metrics, and the registry that a process serves to Prometheus.

Names follow Prometheus: base units end them, and counters end in `_total`. Labels are partitions, kinds and reasons,
never anything about a member. A name that is not on the list is a bug and is refused.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from features.errors import ContractError
from streams.accounting import COUNTERS, DEAD_LETTERED_BY_REASON, POINTS_BY_KIND

_PREFIX = "tierstream_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

GaugeName = Literal[
    "lag_records",
    "mark_offset",
    "log_time_seconds",
    "policy_version",
    "weights_version",
    "open_labels",
    "recovery_seconds",
    "model_absolute_error_minor",
    "audit_log_time_seconds",
    "outbox_deliveries",
    "outbox_oldest_seconds",
    "liability_points",
    "liability_moved_points",
    "liability_members",
    "liability_forecast_points",
    "liability_forecast_minor",
    "liability_credibility_bp",
]
HistogramName = Literal["commit_seconds", "fold_seconds", "batch_records", "state_batch_bytes"]
EventName = Literal[
    "gap_seeks",
    "zombie_repairs",
    "ticks_sent",
    "weights_published",
    "examples_learned",
    "findings_reported",
    "audited_members",
    "audit_mismatches",
    "notifications_accepted",
    "notifications_repeated",
]
DeliveryOutcome = Literal["delivered", "retried", "deferred", "unwanted", "undelivered"]

_GAUGES: Mapping[GaugeName, str] = {
    "lag_records": "records of the partition that are not applied yet",
    "mark_offset": "offset of the last record applied",
    "log_time_seconds": "log time of the partition, since the Unix epoch",
    "policy_version": "newest policy version that the partition has read",
    "weights_version": "newest weights version that the partition has read",
    "open_labels": "examples that wait for their label",
    "recovery_seconds": "how long the partition's last recovery took, from its assignment",
    "model_absolute_error_minor": "mean absolute error of a model, tested before it learned",
    "audit_log_time_seconds": "log time at which the running audit last looked at a member of the partition",
    "outbox_deliveries": "deliveries of the channel that are not done",
    "outbox_oldest_seconds": "how long the channel's oldest delivery has been in the log and the outbox",
    "liability_points": "points that members hold or owe, all partitions together",
    "liability_moved_points": "points issued, spent, expired and so on since the ledger began, by side",
    "liability_members": "members whose entries were all read in order, and those of whom one is missing",
    "liability_forecast_points": "what becomes of the points outstanding now, with the ends of its interval",
    "liability_forecast_minor": "the same in minor units, where the policy says what a point is worth",
    "liability_credibility_bp": "how much of the forecast rests on what was seen at the same time before expiry",
}
# A commit takes milliseconds and must stay well under the session timeout.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_HISTOGRAMS: Mapping[HistogramName, tuple[str, tuple[float, ...]]] = {
    "commit_seconds": ("from the end of a fold until its batch has landed everywhere", _SECONDS),
    "fold_seconds": ("applying the records of one batch", _SECONDS),
    "batch_records": ("records per batch", (1, 4, 16, 64, 256, 1_024, 4_096, 16_384)),
    "state_batch_bytes": ("bytes of changed rows per batch", (1_024, 16_384, 65_536, 262_144, 1_048_576, 4_194_304)),
}
_EVENTS: Mapping[EventName, str] = {
    "gap_seeks": "jumps of offsets that made a worker seek back",
    "zombie_repairs": "state batches of a former owner that were found and written over",
    "ticks_sent": "tick records written into the log",
    "weights_published": "weights versions published",
    "examples_learned": "training examples learned",
    "findings_reported": "waves, copies, verdicts and offers reported",
    "audited_members": "members that the running audit has looked at, each time it did",
    "audit_mismatches": "members whose row was not the sum of their lots or of their entries; any is an alarm",
    "notifications_accepted": "notifications that were their member's next one, delivered here or by another process",
    "notifications_repeated": "notifications that were read and not their member's next one",
}
_BY_REASON = DEAD_LETTERED_BY_REASON.removesuffix(".") + "_by_reason"
_DELIVERIES = "deliveries"
_POINTS = POINTS_BY_KIND.removesuffix(".")
# Labels of each metric; a metric that is not here is one number per process.
_LABELS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(COUNTERS, ("partition",)),
    **dict.fromkeys(_GAUGES, ("partition",)),
    "model_absolute_error_minor": ("model",),
    "outbox_deliveries": ("channel",),
    "outbox_oldest_seconds": ("channel",),
    _DELIVERIES: ("channel", "outcome", "reason"),
    "liability_points": ("state",),
    "liability_moved_points": ("side",),
    "liability_members": ("state",),
    "liability_forecast_points": ("fate",),
    "liability_forecast_minor": ("fate",),
    "liability_credibility_bp": ("fate",),
    _BY_REASON: ("partition", "reason"),
    _POINTS: ("partition", "kind"),
}


class MetricDoc(msgspec.Struct, frozen=True):
    """One row of the metrics' documentation."""

    name: str
    kind: str
    labels: tuple[str, ...]
    meaning: str


class Metrics:
    """The metrics of one process, in a registry of their own.

    Example:
        >>> metrics = Metrics()
        >>> metrics.count(3, {"actions_in": 2, "dead_lettered.too_late": 1})
        >>> metrics.value("tierstream_actions_in_total", partition="3")
        2.0
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._counters = {
            name: Counter(
                *_named(name, f"{name.replace('_', ' ')}, of the records applied here"), registry=self.registry
            )
            for name in COUNTERS
        }
        self._reasons = Counter(*_named(_BY_REASON, "dead-lettered records by reason"), registry=self.registry)
        # Some kinds take points away, so this goes both ways and is a gauge.
        self._points = Gauge(*_named(_POINTS, "points booked here, by kind of ledger entry"), registry=self.registry)
        self._deliveries = Counter(
            *_named(_DELIVERIES, "what came of tries to deliver a notification; `reason` is why it was given up"),
            registry=self.registry,
        )
        self._gauges = {name: Gauge(*_named(name, help_), registry=self.registry) for name, help_ in _GAUGES.items()}
        self._histograms = {
            name: Histogram(*_named(name, help_), buckets=bounds, registry=self.registry)
            for name, (help_, bounds) in _HISTOGRAMS.items()
        }
        self._events = {name: Counter(*_named(name, help_), registry=self.registry) for name, help_ in _EVENTS.items()}

    def count(self, partition: int, counts: Mapping[str, int]) -> None:
        """Add a batch's counts, named as in `streams.accounting`.

        Raises:
            ContractError: a name is not on the list.
        """
        label = str(partition)
        for name, by in counts.items():
            if (counter := self._counters.get(name)) is not None:
                counter.labels(label).inc(by)
            elif name.startswith(DEAD_LETTERED_BY_REASON):
                self._reasons.labels(label, name.removeprefix(DEAD_LETTERED_BY_REASON)).inc(by)
            elif name.startswith(POINTS_BY_KIND):
                self._points.labels(label, name.removeprefix(POINTS_BY_KIND)).inc(by)
            else:
                raise ContractError(f"{name}: is not a counter; add it to COUNTERS in streams/accounting.py")

    def set(self, name: GaugeName, label: int | str, value: float) -> None:
        """Set a gauge for a partition, a model, or whatever else its one label tells apart."""
        self._gauges[name].labels(str(label)).set(value)

    def observe(self, name: HistogramName, value: float) -> None:
        """Add one observation to a histogram, in the unit that its name ends with."""
        self._histograms[name].observe(value)

    def event(self, name: EventName, by: int = 1) -> None:
        """Count something that happened to the process."""
        self._events[name].inc(by)

    def delivery(self, channel: str, outcome: DeliveryOutcome, reason: str = "") -> None:
        """Count what came of a delivery."""
        self._deliveries.labels(channel, outcome, reason).inc()

    def forget_partition(self, partition: int) -> None:
        """Drop the gauges of a partition that another worker has now, so that nobody reads stale lag."""
        for name, gauge in self._gauges.items():
            if _LABELS[name] == ("partition",):
                gauge.remove_by_labels({"partition": str(partition)})

    def value(self, sample: str, **labels: str) -> float | None:
        """The current value of one sample, or None where there is none yet."""
        return self.registry.get_sample_value(sample, labels)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format, of type `CONTENT_TYPE`."""
        return generate_latest(self.registry)


def describe_metrics() -> tuple[MetricDoc, ...]:
    """Every metric with its kind, labels and meaning, by name.

    Example:
        >>> [row.kind for row in describe_metrics() if row.name == "tierstream_lag_records"]
        ['gauge']
    """
    rows = [
        MetricDoc(family.name, family.type, _LABELS.get(family.name.removeprefix(_PREFIX), ()), family.documentation)
        for family in Metrics().registry.collect()
    ]
    return tuple(sorted(rows, key=lambda row: row.name))


def _named(name: str, meaning: str) -> tuple[str, str, tuple[str, ...]]:
    """Name, help and labels, the first arguments of every Prometheus metric."""
    return _PREFIX + name, meaning, _LABELS.get(name, ())

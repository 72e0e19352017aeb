"""What a process shows of itself: metrics for Prometheus, and whether it is ready.

`/metrics/` and `/ready/` are served on the web port. A worker is ready when the rows of all its partitions are complete
and records flow; a rebalance makes it unready until that is so again.
"""

from collections.abc import Callable, Collection, Mapping
from weakref import WeakKeyDictionary

from aiohttp.web import Response
from faust.types.web import Request, View

from streams.faust_overrides import ShellApp
from streams.lanes import Fold, Landed
from streams.logs import fields, log
from streams.metrics import CONTENT_TYPE, Metrics
from streams.sampled_audit import SampledAudit, Tally

_OK = 200
_UNAVAILABLE = 503


def observer(metrics: Metrics) -> Callable[[Landed], None]:
    """What turns a batch that has landed into metrics."""
    # A fold lives as long as an assignment; what was known of its members before is old when the partition comes back.
    audits: WeakKeyDictionary[Fold, SampledAudit] = WeakKeyDictionary()

    def observe(landed: Landed) -> None:
        partition, fold, batch = landed.partition, landed.fold, landed.batch
        metrics.count(partition, batch.counts)
        metrics.observe("batch_records", landed.records)
        metrics.observe("fold_seconds", landed.fold_seconds)
        metrics.observe("commit_seconds", landed.commit_seconds)
        metrics.observe("state_batch_bytes", sum(len(key) + len(value or b"") for key, value in batch.rows))
        metrics.set("mark_offset", partition, batch.mark)
        metrics.set("log_time_seconds", partition, fold.log_time_ms / 1000)
        metrics.set("policy_version", partition, fold.policy_version)
        metrics.set("weights_version", partition, fold.weights_version)
        audit = audits.get(fold) or audits.setdefault(fold, SampledAudit())
        show_audit(metrics, landed, audit.landed(batch, fold.log_time_ms))

    return observe


def show_lag(metrics: Metrics, marks: Mapping[int, int], behind: Callable[[int, int], int | None]) -> None:
    """Show how far each partition is behind.

    Args:
        metrics: Where to.
        marks: Offset of the last record of each partition that has landed.
        behind: Tells how many records of a partition follow an offset, None where that is not known yet.
    """
    for partition, mark in marks.items():
        records = behind(partition, mark)
        if records is not None:
            metrics.set("lag_records", partition, records)


def show_audit(metrics: Metrics, landed: Landed, tally: Tally) -> None:
    """Turn what the running audit found in a batch into metrics."""
    if not tally.audited:
        return
    metrics.event("audited_members", tally.audited)
    metrics.event("audit_mismatches", len(tally.problems))
    metrics.set("audit_log_time_seconds", landed.partition, landed.fold.log_time_ms / 1000)
    for problem in tally.problems:
        log("audit").error(
            "the running audit found a mismatch: run `tierstream audit`",
            extra=fields(partition=landed.partition, mark=landed.batch.mark, cause=problem),
        )


def recovery_observer(metrics: Metrics) -> Callable[[Collection[int], float], None]:
    """What turns a finished recovery into metrics, and drops those of partitions that others have now."""
    mine: set[int] = set()

    def observe(partitions: Collection[int], seconds: float) -> None:
        for partition in mine.difference(partitions):
            metrics.forget_partition(partition)
        mine.clear()
        mine.update(partitions)
        for partition in partitions:
            metrics.set("recovery_seconds", partition, seconds)

    return observe


def add_views(app: ShellApp, metrics: Metrics, look: Callable[[], None] = lambda: None) -> None:
    """Serve readiness and metrics; `look` is called before metrics are told, for those that change by themselves."""

    @app.page("/ready/")
    async def ready(_view: View, _request: Request) -> Response:
        """Whether rows are complete and records flow."""
        is_ready = app.tables.recovery.ready
        return Response(text="ready" if is_ready else "recovering", status=_OK if is_ready else _UNAVAILABLE)

    @app.page("/metrics/")
    async def show_metrics(_view: View, _request: Request) -> Response:
        """Metrics in Prometheus' text format."""
        look()
        return Response(body=metrics.render(), headers={"Content-Type": CONTENT_TYPE})

"""The worker process: settings in, a Faust app out, run until it is told to stop.

`faust_options` is where Faust's defaults are changed, each with its reason. The overrides of how Faust works are in
`streams.faust_overrides`.
"""

import socket
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from faust.types import TP

from streams.agents import FoldFactory, Members
from streams.batches import BatchScheduler
from streams.changelog import Replay
from streams.collector import collect_seldom
from streams.commit import PartitionCommit, Step, StepHook
from streams.decision_log import DecisionTopic
from streams.faust_overrides import ShellApp
from streams.identities import identity_of, store_identity_of
from streams.keys import load_signing_key
from streams.metrics import Metrics
from streams.observing import add_views, observer, recovery_observer, show_lag
from streams.pipeline import new_fold as new_partition_fold
from streams.records import OutputTopic
from streams.recovery import Recovery
from streams.settings import Settings
from streams.tables import MemberTable, member_table
from streams.ticker import Ticker
from streams.topic_admin import TopicAdmin
from streams.topics import topic_name
from streams.writers import BatchWriter, Connection, RecordWriter

_MIB = 1024 * 1024
_OUTPUT_TOPICS: tuple[DecisionTopic | Literal["examples", "deadletter", "draws"], ...] = (
    "points",
    "tier-changes",
    "notifications",
    "examples",
    "deadletter",
    "draws",
)

# The buffer between consumer and agent counts batches, of some MiB each; two keep the agent busy, more only wait.
_BUFFERED_BATCHES = 4
# Committed offsets only show lag, so seconds are soon enough.
_COMMIT_INTERVAL_S = 1.0
# A rebalance waits for the batch in hand, which waits for the broker at most `request_timeout_ms` before the process
# ends.
_REBALANCE_GRACE_S = 30.0
# What one partition may send per fetch; it bounds a batch, so latency and memory.
_FETCH_BYTES = 1 * _MIB


def faust_options(settings: Settings) -> dict[str, Any]:
    """Faust's settings, where its defaults are wrong for us."""
    return {
        "broker": ";".join(f"kafka://{address}" for address in settings.bootstrap_servers.split(",")),
        "datadir": settings.data_dir,
        "store": f"{settings.store}://",
        # Topics are declared in one place, with limits (streams.topics); Faust must not make others by the way.
        "topic_allow_declare": False,
        "topic_partitions": settings.partitions,
        "topic_replication_factor": settings.replication_factor,
        "topic_disable_leader": True,
        "table_standby_replicas": settings.standby_replicas,
        # 60 s by default: that long would a dead worker's partitions stand still.
        "broker_session_timeout": settings.session_timeout_ms / 1000,
        "broker_heartbeat_interval": settings.heartbeat_interval_ms / 1000,
        "broker_rebalance_timeout": settings.request_timeout_ms / 1000 + _REBALANCE_GRACE_S,
        "broker_request_timeout": max(settings.request_timeout_ms, settings.session_timeout_ms) / 1000,
        "broker_commit_interval": _COMMIT_INTERVAL_S,
        "consumer_group_instance_id": settings.group_instance_id or None,
        "consumer_max_fetch_size": _FETCH_BYTES,
        # "latest" would skip what was written before the first start.
        "consumer_auto_offset_reset": "earliest",
        "ConsumerScheduler": lambda: BatchScheduler(settings.batch_max_records, settings.batch_max_bytes),
        "stream_buffer_maxsize": _BUFFERED_BATCHES,
        # 1,200 s by default.
        "producer_request_timeout": settings.request_timeout_ms / 1000,
        "web_enabled": settings.metrics,
        # A static member that comes back in time is given its predecessor's assignment, which names the predecessor
        # by its address; Faust insists that this is its own. So it must not follow from a port that was free just now.
        "canonical_url": f"http://{settings.group_instance_id}" if settings.group_instance_id else None,
        "web_bind": settings.web_host,
        "web_host": settings.web_host,
        "web_port": settings.web_port or _free_port(settings.web_host),
        # Faust's own views show tables and settings to whoever asks.
        "web_stats_enabled": False,
        "web_graph_enabled": False,
        "web_router_enabled": False,
        "web_tables_enabled": False,
        "web_metrics_enabled": False,
    }


def _free_port(host: str) -> int:
    """Faust wants to know the port before it listens, because it tells it to the group."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def connection_of(settings: Settings) -> Connection:
    """How this process's own clients connect, beside Faust's."""
    compression = None if settings.compression == "none" else settings.compression
    return Connection(settings.bootstrap_servers, compression, settings.request_timeout_ms)


def _pass(_step: Step, _partition: int) -> None:
    """Let every step of a commit pass."""


def build_app(
    settings: Settings,
    metrics: Metrics,
    *,
    new_fold: FoldFactory | None = None,
    hook: StepHook = _pass,
) -> ShellApp:
    """Build the members app.

    Args:
        settings: Where the log and the state are, and how work is batched.
        metrics: Where to count.
        new_fold: Makes a partition's fold; the pipeline's by default.
        hook: Told of each step of a commit; tests crash there.

    Raises:
        SettingsError: there is no usable key to sign effects and ticks with.
    """
    topic = topic_name(settings, "actions")
    connection = connection_of(settings)
    key = load_signing_key(settings.signing_key_file)
    writer = BatchWriter(connection, _output_topics(settings), topic_name(settings, "changelog"), key)
    ticks = RecordWriter(connection)

    async def new_commit(partition: int, replay: Replay) -> PartitionCommit:
        await writer.start()
        repaired = partial(metrics.event, "zombie_repairs")
        return PartitionCommit(partition, writer, replay, connection, hook=hook, on_repair=repaired)

    def new_recovery(app: ShellApp, **service: Any) -> Recovery:  # noqa: ANN401 - Faust's
        recovery = Recovery(
            app,
            connection=connection,
            identity=store_identity_of(settings, "changelog"),
            prepare=members.prepare,
            release=members.release,
            table=lambda: table,
            **service,
        )
        recovery.on_recovered = recovery_observer(metrics)
        return recovery

    stop = partial(_stop, ticks, writer)
    app = ShellApp(settings.app_id, new_recovery=new_recovery, on_drained=stop, **faust_options(settings))
    table: MemberTable = member_table(app, settings.block_cache_mib * _MIB)
    members = Members(
        app,
        topic,
        new_fold=new_fold or _pipeline_folds(topic),
        new_commit=new_commit,
        identity=identity_of(settings, "actions"),
        observe=observer(metrics),
    )
    members.on_jump = partial(metrics.event, "gap_seeks")
    app.agent(batches_of(app, topic), name="members", concurrency=1)(members.run)
    add_views(app, metrics, lambda: _look_at_lag(app, topic, members, metrics))
    if settings.ticker == "live":
        app.task()(_new_ticker(settings, key, ticks, lambda: members.lanes, metrics).run)
    return app


def _look_at_lag(app: ShellApp, topic: str, members: Members, metrics: Metrics) -> None:
    marks = {partition: lane.landed_mark for partition, lane in members.lanes.items()}
    show_lag(metrics, marks, lambda partition, mark: app.consumer.behind(TP(topic, partition), mark))


def _output_topics(settings: Settings) -> dict[OutputTopic, str]:
    """Where each kind of output goes: effects go back into the log."""
    topics: dict[OutputTopic, str] = {kind: topic_name(settings, kind) for kind in _OUTPUT_TOPICS}
    return {**topics, "effects": topic_name(settings, "actions")}


def _pipeline_folds(topic: str) -> FoldFactory:
    return lambda partition, identity, store: new_partition_fold(partition, identity, store, topic)


async def _stop(*writers: RecordWriter | BatchWriter) -> None:
    for writer in writers:
        await writer.stop()


def _new_ticker(
    settings: Settings,
    key: Ed25519PrivateKey,
    writer: RecordWriter,
    partitions: Callable[[], Collection[int]],
    metrics: Metrics,
) -> Ticker:
    topic = topic_name(settings, "actions")
    sent = partial(metrics.event, "ticks_sent")
    return Ticker(topic, settings.tick_interval_ms, key, writer=writer, partitions=partitions, on_tick=sent)


def batches_of(app: ShellApp, topic: str) -> Any:  # noqa: ANN401 - Faust's
    """The topic as a stream of batches: raw, or Faust would acknowledge what it cannot decode."""
    return app.topic(topic, key_type=bytes, value_type=None, value_serializer="raw")


def run_worker(settings: Settings, **build: Any) -> None:  # noqa: ANN401 - as build_app's
    """Run a worker in this process until SIGTERM or SIGINT; it finishes the batch in hand. Ends the process.

    Raises:
        BrokerError: no broker answers, or topics are not as declared.
        SettingsError: there is no key to sign effects and ticks with.
    """
    TopicAdmin(settings).verify()
    run_app(build_app(settings, Metrics(), **build))


def run_trainer(settings: Settings) -> None:
    """Run the trainer in this process until SIGTERM or SIGINT. Ends the process.

    Raises:
        BrokerError: no broker answers, or topics are not as declared.
        SettingsError: there is no key to sign weights.
    """
    # river takes seconds to load, and workers never learn.
    from streams.trainer_app import build_trainer  # noqa: PLC0415 - see above

    TopicAdmin(settings).verify()
    run_app(build_trainer(settings, Metrics()))


def run_app(app: ShellApp) -> None:
    """Run an app in Faust's worker until a signal; ends the process."""
    collect_seldom()
    worker = app.Worker(quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()

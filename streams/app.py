"""A worker process: settings in, a Faust app out, run until it is told to stop.

`faust_options` is where Faust's defaults are changed, each with its reason. The overrides of how Faust works are in
`streams.faust_overrides`.
"""

import asyncio
import logging
import socket
from typing import Any

import faust
from faust.types.web import Request, Response, View

from streams.agents import BatchObserver, Fold, FoldFactory, Members
from streams.batches import BatchScheduler
from streams.commit import PartitionCommit, Step, StepHook, Writer
from streams.faust_overrides import ShellApp
from streams.pipeline import PartitionFold
from streams.records import OutputTopic, RowStore
from streams.recovery import Recovery, Replay
from streams.settings import Settings
from streams.tables import MemberTable, member_table
from streams.topic_admin import TopicAdmin
from streams.topics import TopicKind, topic_name, topic_partitions

_MIB = 1024 * 1024
_OUTPUT_TOPICS: tuple[OutputTopic, ...] = ("points", "tier-changes", "notifications", "examples", "deadletter")

# The buffer between consumer and agent counts batches, of some MiB each; two keep the agent busy, more only wait.
_BUFFERED_BATCHES = 4
# Committed offsets only show lag, so seconds are soon enough.
_COMMIT_INTERVAL_S = 1.0
# A rebalance waits for the batch in hand, which waits for the broker at most this long before the process ends.
_REBALANCE_TIMEOUT_S = 60.0
# What one partition may send per fetch; it bounds a batch, so latency and memory.
_FETCH_BYTES = 1 * _MIB

# At their level of debug these cost a tenth of the time, and nobody reads them.
_TALKATIVE = ("aiokafka", "faust", "mode", "aiohttp.access")


def connection(settings: Settings) -> dict[str, Any]:
    """Aiokafka's connection arguments."""
    return {"bootstrap_servers": settings.bootstrap_servers}


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
        "broker_rebalance_timeout": _REBALANCE_TIMEOUT_S,
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


class TopicIdentity:
    """What tells a topic from another one that later has its name: UUID and partition count."""

    def __init__(self, settings: Settings, kind: TopicKind) -> None:
        self._settings = settings
        self._kind = kind

    async def __call__(self) -> bytes:
        """Ask the broker; it may have been made anew since the last assignment."""
        return await asyncio.to_thread(self._ask)

    def _ask(self) -> bytes:
        count = topic_partitions(self._settings, self._kind)
        return TopicAdmin(self._settings).topic_id(self._kind) + count.to_bytes(2, "big")


def no_hook(_step: Step, _partition: int) -> None:
    """Let every step pass."""


def build_app(
    settings: Settings,
    *,
    new_fold: FoldFactory | None = None,
    observe: BatchObserver | None = None,
    hook: StepHook | None = None,
) -> ShellApp:
    """Build the members app.

    Args:
        settings: Where the log and the state are, and how work is batched.
        new_fold: Makes a partition's fold; the pipeline's by default.
        observe: Told of each committed batch.
        hook: Told of each step of a commit; tests crash there.
    """
    topic = topic_name(settings, "actions")
    writer = Writer(
        connection(settings),
        {kind: topic_name(settings, kind) for kind in _OUTPUT_TOPICS},
        topic_name(settings, "changelog"),
        compression=None if settings.compression == "none" else settings.compression,
        request_timeout_s=settings.request_timeout_ms / 1000,
    )

    def new_recovery(app: ShellApp, **service: Any) -> Recovery:  # noqa: ANN401 - Faust's
        return Recovery(
            app,
            connection=connection(settings),
            identity=TopicIdentity(settings, "changelog"),
            prepare=members.prepare,
            release=members.release,
            table=lambda: table,
            **service,
        )

    def pipeline_fold(partition: int, identity: bytes, store: RowStore) -> Fold:
        return PartitionFold(partition, identity, store, topic=topic)

    async def new_commit(partition: int, replay: Replay) -> PartitionCommit:
        await writer.start()
        return PartitionCommit(partition, writer, replay, connection(settings), hook or no_hook)

    app = ShellApp(settings.app_id, new_recovery=new_recovery, on_drained=writer.stop, **faust_options(settings))
    table: MemberTable = member_table(app, settings.block_cache_mib * _MIB)
    members = Members(
        app,
        topic,
        new_fold=new_fold or pipeline_fold,
        new_commit=new_commit,
        identity=TopicIdentity(settings, "actions"),
        observe=observe or (lambda _partition, _batch, _records: None),
    )
    actions = app.topic(topic, key_type=bytes, value_type=None, value_serializer="raw", acks=True)
    app.agent(actions, name="members", concurrency=1)(members.run)
    app.members = members
    _add_views(app)
    return app


def _add_views(app: ShellApp) -> None:
    @app.page("/ready/")
    async def ready(view: View, _request: Request) -> Response:
        """Whether rows are complete and records flow; load balancers and tests wait for it."""
        is_ready = app.tables.recovery.ready
        return view.text("ready" if is_ready else "recovering", status=200 if is_ready else 503)


def run_worker(settings: Settings, **build: Any) -> None:  # noqa: ANN401 - as build_app's
    """Run a worker in this process until SIGTERM or SIGINT; it finishes the batch in hand."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    app = build_app(settings, **build)
    run_app(app)


def run_app(app: faust.App) -> None:
    """Run any app of ours in Faust's worker; ends the process."""
    worker = app.Worker(quiet=True, override_logging=False, redirect_stdouts=False)
    worker.spinner = None
    worker.execute_from_commandline()

"""Every setting of a process, in one frozen object, with its unit, its default and why.

Settings say how the work is done, never what is decided: points, tiers and weights come from the policy, which travels
in the log. A setting comes from, in rising order of precedence: its default, a TOML file, the environment
(`TIERSTREAM_` and the name in capitals), the command line. Loading reports all mistakes at once.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, Self, get_type_hints

import msgspec
from msgspec import Meta

from streams.settings_sources import Unit, decode_path, read_settings, unit_and_reason

_NAME = r"^[A-Za-z0-9._-]+$"  # what Kafka allows in names of topics and groups


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a worker, trainer, ticker or command. Each field's annotation carries its unit and its reason.

    Example:
        >>> settings = Settings.load(None, {"TIERSTREAM_PARTITIONS": "8"})
        >>> settings.partitions, settings.topic_prefix
        (8, 'loyalty')
    """

    # Where the log is
    bootstrap_servers: Annotated[
        str,
        Unit("host:port, separated by commas"),
        Meta(description="a broker on this machine is what a first trial has", pattern="."),
    ] = "127.0.0.1:9092"
    app_id: Annotated[
        str,
        Unit("name"),
        Meta(description="consumer group and changelog names begin with it; one per programme", pattern=_NAME),
    ] = "tierstream"
    topic_prefix: Annotated[
        str,
        Unit("name"),
        Meta(
            description="topics are `<prefix>.actions` and so on, so several programmes share a cluster", pattern=_NAME
        ),
    ] = "loyalty"
    partitions: Annotated[
        int,
        Unit("partitions"),
        Meta(description="the most workers that can share the load; fixed for a generation", ge=1, le=1_000),
    ] = 4
    replication_factor: Annotated[
        int,
        Unit("copies"),
        Meta(description="1 works on a single broker; use 3 wherever points are worth something", ge=1, le=7),
    ] = 1

    # Where the state is
    data_dir: Annotated[Path, Unit("folder"), Meta(description="state and checkpoints; each process needs its own")] = (
        Path("tierstream-data")
    )
    store: Annotated[
        Literal["rocksdb", "memory"],
        Unit("kind"),
        Meta(description="rocksdb survives a restart; memory always recovers from the log"),
    ] = "rocksdb"
    block_cache_mib: Annotated[
        int,
        Unit("MiB per partition"),
        Meta(description="Faust's own default of 2 GiB per partition would exhaust the machine", ge=1, le=4_096),
    ] = 32
    standby_replicas: Annotated[
        int, Unit("workers"), Meta(description="one warm copy makes taking over a matter of seconds", ge=0, le=6)
    ] = 1

    # How work is batched
    batch_max_records: Annotated[
        int,
        Unit("records"),
        Meta(description="beyond some thousand the cost per record no longer falls", ge=1, le=100_000),
    ] = 4_000
    batch_max_bytes: Annotated[
        int,
        Unit("bytes"),
        Meta(
            description="the state of a batch is one record batch on the changelog topic", ge=65_536, le=8 * 1024 * 1024
        ),
    ] = 4 * 1024 * 1024
    producer_linger_ms: Annotated[
        int,
        Unit("ms"),
        Meta(description="5 ms doubled the throughput and is no delay that a member notices", ge=0, le=1_000),
    ] = 5
    compression: Annotated[
        Literal["none", "lz4", "zstd"],
        Unit("kind"),
        Meta(
            description="an eighth of the bytes; lz4 takes workers eight times as long: aiokafka's level is its slowest"
        ),
    ] = "zstd"
    request_timeout_ms: Annotated[
        int,
        Unit("ms"),
        Meta(description="a send that takes longer ends the process, and the next owner goes on", ge=1_000, le=600_000),
    ] = 30_000

    # Who is in the group
    session_timeout_ms: Annotated[
        int,
        Unit("ms"),
        Meta(
            description="how long a dead worker goes unnoticed; brokers refuse less than 6 s as shipped",
            ge=1_000,
            le=300_000,
        ),
    ] = 10_000
    group_instance_id: Annotated[
        str,
        Unit("name or empty"),
        Meta(description="with a fixed id, a worker that restarts in time keeps its partitions"),
    ] = ""

    # Time
    ticker: Annotated[
        Literal["live", "off"],
        Unit("kind"),
        Meta(description="live writes the time into the log; a history brings its own ticks"),
    ] = "live"
    tick_interval_ms: Annotated[
        int,
        Unit("ms"),
        Meta(description="how late an expiry or activation may be for members who do nothing", ge=100, le=3_600_000),
    ] = 10_000

    # What the operator brings
    policy_file: Annotated[
        Path | None, Unit("file"), Meta(description="published when topics are made; workers read it from the log")
    ] = None
    signing_key_file: Annotated[
        Path | None,
        Unit("file"),
        Meta(description="signs ticks, weights and policies; only processes that write those need it"),
    ] = None

    notify_file: Annotated[
        Path | None,
        Unit("file"),
        Meta(description="channels and contacts of `tierstream notify`; without one it writes to the console"),
    ] = None

    # How it is watched
    web_host: Annotated[
        str,
        Unit("address"),
        Meta(description="member data is served here, so other machines must be let in on purpose", pattern="."),
    ] = "127.0.0.1"
    web_port: Annotated[
        int, Unit("port"), Meta(description="metrics and health; 0 takes any free port", ge=0, le=65_535)
    ] = 6_066
    metrics: Annotated[bool, Unit("true or false"), Meta(description="serves Prometheus metrics on the web port")] = (
        True
    )
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Unit("level"),
        Meta(description="info tells what an operator may have to act on"),
    ] = "info"

    @classmethod
    def load(cls, path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object] | None = None) -> Self:
        """Read settings.

        Args:
            path: A TOML file of names and values, or None.
            environ: The process environment; only names that begin with `TIERSTREAM_` are looked at.
            overrides: What the command line says; texts are converted as from the environment.

        Raises:
            SettingsError: some settings are unknown, mistyped or out of range; the message lists all of them.
        """
        kinds = get_type_hints(cls, include_extras=True)
        return msgspec.convert(read_settings(kinds, path, environ, overrides or {}), cls, dec_hook=decode_path)

    @property
    def min_insync_replicas(self) -> int:
        """How many copies must hold a record before it counts: all but one, and at least one."""
        return max(1, self.replication_factor - 1)

    @property
    def heartbeat_interval_ms(self) -> int:
        """A third of the session timeout, as Kafka advises."""
        return self.session_timeout_ms // 3


class SettingDoc(msgspec.Struct, frozen=True):
    """One row of the settings' documentation."""

    name: str
    unit: str
    default: str
    why: str


def describe_settings() -> tuple[SettingDoc, ...]:
    """Name, unit, default and reason of every setting, in order of declaration.

    Example:
        >>> [row.unit for row in describe_settings() if row.name == "producer_linger_ms"]
        ['ms']
    """
    hints = get_type_hints(Settings, include_extras=True)
    defaults = Settings()
    rows: list[SettingDoc] = []
    for name in Settings.__struct_fields__:
        unit, why = unit_and_reason(hints[name])
        rows.append(SettingDoc(name, unit, str(getattr(defaults, name)), why))
    return tuple(rows)

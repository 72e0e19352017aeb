"""All topics, declared in one place, each limit with its reason. `streams.topic_admin` makes and verifies them."""

from collections.abc import Mapping
from typing import Literal

import msgspec

from streams.settings import Settings

TopicKind = Literal[
    "actions",
    "points",
    "tier-changes",
    "notifications",
    "examples",
    "weights",
    "findings",
    "recommendations",
    "deadletter",
    "undelivered",
    "draws",
    "changelog",
]

FOREVER_MS = -1
DAY_MS = 24 * 3_600_000
DELETIONS_KEPT_MS = 30 * DAY_MS
_MIB = 1024 * 1024
MEMBERS_TABLE = "members"


class TopicSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One declared topic.

    `retention_ms` is -1 for ever. `max_message_bytes` bounds a record batch, not a record.
    """

    kind: TopicKind
    why: str
    single: bool = False
    compact: bool = False
    retention_ms: int = FOREVER_MS
    max_message_bytes: int


TOPICS: tuple[TopicSpec, ...] = (
    TopicSpec(
        kind="actions",
        why="the log that determines every ledger, kept for ever; values over 1 MiB must fit to be dead-lettered",
        max_message_bytes=4 * _MIB,
    ),
    TopicSpec(
        kind="points",
        why="the ledger itself, kept for ever; one batch holds all entries of a fold",
        max_message_bytes=8 * _MIB,
    ),
    TopicSpec(
        kind="tier-changes",
        why="tier histories are asked for years later; one batch holds all changes of a fold",
        max_message_bytes=8 * _MIB,
    ),
    TopicSpec(
        kind="notifications",
        why="a message that nobody delivered in 30 days is of no use, and it is personal",
        retention_ms=30 * DAY_MS,
        max_message_bytes=8 * _MIB,
    ),
    TopicSpec(
        kind="examples",
        why="one order of examples is what makes a weights version repeatable; kept so that it can be re-derived",
        single=True,
        max_message_bytes=8 * _MIB,
    ),
    TopicSpec(
        kind="weights",
        why="every version for console, audit and replay; not compacted, because the first record of a version wins",
        single=True,
        max_message_bytes=1 * _MIB,
    ),
    TopicSpec(
        kind="findings",
        why="waves, copies and verdicts with what they rest on, in one order; kept as long as the verdicts they led to",
        single=True,
        max_message_bytes=1 * _MIB,
    ),
    TopicSpec(
        kind="recommendations",
        why="the newest of each member is what counts; a platform that starts reads them all",
        compact=True,
        max_message_bytes=1 * _MIB,
    ),
    TopicSpec(
        kind="deadletter",
        why="original bytes in base64 make 4/3 of a record; 90 days are enough to mend a producer and send again",
        retention_ms=90 * DAY_MS,
        max_message_bytes=8 * _MIB,
    ),
    TopicSpec(
        kind="undelivered",
        why="a notification and why it reached nobody; 30 days, as the notifications themselves, since it is personal",
        retention_ms=30 * DAY_MS,
        max_message_bytes=8 * _MIB,
    ),
    TopicSpec(
        kind="draws",
        why="terms, tickets and results of draws, so that anyone can check them; kept as long as somebody may ask",
        max_message_bytes=8 * _MIB,
    ),
    TopicSpec(
        kind="changelog",
        why="the newest of each row; a state batch of up to 8 MiB must land whole, with room for its headers",
        compact=True,
        max_message_bytes=12 * _MIB,
    ),
)
_BY_KIND: Mapping[TopicKind, TopicSpec] = {spec.kind: spec for spec in TOPICS}


def topic_name(settings: Settings, kind: TopicKind) -> str:
    """The topic's name on the broker.

    Example:
        >>> topic_name(Settings(), "tier-changes"), topic_name(Settings(), "changelog")
        ('loyalty.tier-changes', 'tierstream-members-changelog')
    """
    if kind == "changelog":
        return f"{settings.app_id}-{MEMBERS_TABLE}-changelog"  # the name that Faust gives it
    return f"{settings.topic_prefix}.{kind}"


def trainer_group(settings: Settings) -> str:
    """The trainer's consumer group, which is also its app id.

    Example:
        >>> trainer_group(Settings())
        'tierstream-trainer'
    """
    return f"{settings.app_id}-trainer"


def notify_group(settings: Settings) -> str:
    """The consumer group of those who deliver notifications.

    Example:
        >>> notify_group(Settings())
        'tierstream-notify'
    """
    return f"{settings.app_id}-notify"


def topic_partitions(settings: Settings, kind: TopicKind) -> int:
    """How many partitions the topic has: 1, or as many as the actions."""
    return 1 if _BY_KIND[kind].single else settings.partitions


def topic_config(settings: Settings, kind: TopicKind) -> dict[str, str]:
    """The topic's configuration on a real broker.

    The broker stamps records on arrival: log time is when a record reaches the log, and retention counts from there. A
    history brings its own time (`ticker = "off"`), so its actions keep the producer's timestamps.

    Example:
        >>> [topic_config(Settings(ticker=mode), "actions")["message.timestamp.type"] for mode in ("live", "off")]
        ['LogAppendTime', 'CreateTime']
    """
    spec = _BY_KIND[kind]
    own_time = kind == "actions" and settings.ticker == "off"
    config = {
        "cleanup.policy": "compact" if spec.compact else "delete",
        "max.message.bytes": str(spec.max_message_bytes),
        "message.timestamp.type": "CreateTime" if own_time else "LogAppendTime",
        "min.insync.replicas": str(settings.min_insync_replicas),
        # Segments are cut by size only: by time, a year of history would be 52 files per partition.
        "segment.ms": str(365 * DAY_MS),
    }
    if spec.compact:
        # A reader that is a day behind still sees every version of a row.
        config["min.compaction.lag.ms"] = str(DAY_MS)
        # A store that was off for so long still learns of every deletion; an older one is built anew (streams.stores).
        config["delete.retention.ms"] = str(DELETIONS_KEPT_MS)
    else:
        config["retention.ms"] = str(spec.retention_ms)
        config["retention.bytes"] = "-1"
    return config

"""What tells topics from others that later have their names, asked of the broker and never of the settings."""

import asyncio
from collections.abc import Awaitable, Callable

from streams.records import LogIdentity
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from streams.topics import TopicKind


def identity_of(settings: Settings, kind: TopicKind) -> Callable[[], Awaitable[LogIdentity]]:
    """What tells a topic from another one that later has its name, asked of the broker."""
    return lambda: asyncio.to_thread(lambda: TopicAdmin(settings).log_identity(kind))


def store_identity_of(settings: Settings, kind: TopicKind) -> Callable[[], Awaitable[bytes]]:
    """The same as bytes, to be kept beside what was made from the topic."""
    return lambda: asyncio.to_thread(lambda: TopicAdmin(settings).identity(kind))

"""Brokers, histories, and where mail and webhooks go, for tests.

`kafka_broker` is a real Apache Kafka broker, shared by all processes of the run. With `TIERSTREAM_BROKER=embedded` it
is the embedded one, tests marked `kafka` are skipped, and the summary says what was not tested. Where a real broker
cannot be started, tests that need it fail.
"""

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from hypothesis import settings

from streams.broker import EmbeddedBroker
from streams.histories.complete_journey import Selection, read_actions
from streams.histories.files import write_lines
from tests.shared_broker import SharedBroker
from tests.support.post_office import Gateway, MailServer

# No test may depend on how fast a machine is. `make nightly` looks at far more cases.
settings.register_profile("everyday", deadline=None)
settings.register_profile("nightly", deadline=None, max_examples=2_000)
settings.load_profile("everyday")

EMBEDDED = os.environ.get("TIERSTREAM_BROKER") == "embedded"
_SKIP_REASON = "needs a real broker, and TIERSTREAM_BROKER=embedded"
_SHARE = pytest.StashKey[SharedBroker]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what the embedded broker cannot serve, when it was asked for."""
    for item in items if EMBEDDED else ():
        if item.get_closest_marker("kafka") is not None:
            item.add_marker(pytest.mark.skip(reason=_SKIP_REASON))
        elif "kafka_broker" in getattr(item, "fixturenames", ()):
            item.user_properties.append(("broker", "embedded"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the shared broker here, not in a fixture: its owner waits for the other processes, outside any timeout."""
    share = session.config.stash.get(_SHARE, None)
    if share is not None:
        share.leave()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what an embedded run has left out."""
    if not EMBEDDED:
        return
    reports = [report for kind in ("passed", "failed", "skipped") for report in terminalreporter.getreports(kind)]
    skipped = [report for report in reports if report.skipped and _SKIP_REASON in str(report.longrepr)]
    embedded = [report for report in reports if ("broker", "embedded") in map(tuple, report.user_properties)]
    terminalreporter.section("not tested on a real broker")
    terminalreporter.line(f"{len(embedded)} tests used the embedded broker instead of Apache Kafka")
    terminalreporter.line(f"{len(skipped)} tests need Apache Kafka and did not run:")
    for report in sorted(skipped, key=lambda report: report.nodeid):
        terminalreporter.line(f"  {report.nodeid}")


@pytest.fixture(scope="session")
def kafka_broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a broker."""
    if EMBEDDED:
        with EmbeddedBroker() as broker:
            yield broker.bootstrap
        return
    own = tmp_path_factory.getbasetemp()
    # With pytest-xdist each process has a folder of its own below the run's.
    share = SharedBroker(own.parent if "PYTEST_XDIST_WORKER" in os.environ else own)
    request.config.stash[_SHARE] = share
    yield share.join()


@pytest.fixture
def topic_prefix(request: pytest.FixtureRequest, kafka_broker: str) -> Iterator[str]:
    """A prefix for topics, groups and ids that no other test uses; a real broker's topics below it are deleted."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name)[:40].strip("-")
    prefix = f"{name}-{uuid.uuid4().hex[:8]}"
    yield prefix
    if not EMBEDDED:
        delete_topics(kafka_broker, prefix)


def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete the topics whose names begin with `prefix`, so that a shared broker stays small."""
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    names = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for deleted in admin.delete_topics(names, request_timeout=30).values() if names else ():
        try:
            deleted.result(30)
        except KafkaException as refused:
            raise AssertionError(f"topics of a finished test cannot be deleted: {refused}") from refused


@pytest.fixture
def mail() -> Iterator[MailServer]:
    """A mail server that is up."""
    with MailServer() as server:
        yield server


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Where webhooks go and contacts are asked for."""
    with Gateway() as web:
        yield web


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def whole_year() -> Path:
    """All 2,469 households of the Complete Journey: 164,539 actions."""
    return history_file("whole-year.jsonl", Selection())


@pytest.fixture(scope="session")
def some_households() -> Path:
    """The whole year of 400 households."""
    return history_file("some-households.jsonl", Selection(households=400))


def history_file(name: str, selection: Selection) -> Path:
    """Made once, by whichever process comes first, and kept in the cache."""
    path = Path(__file__).parents[1] / ".cache" / "histories" / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_lines(path, map(msgspec.json.encode, read_actions(selection)))
    return path

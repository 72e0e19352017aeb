"""One broker for all processes of a test run: started by the first, stopped after the last."""

import threading
import time
from pathlib import Path
from typing import Self

import pytest

from tests import shared_broker
from tests.shared_broker import SharedBroker


class FakeCluster:
    """Stands in for a cluster and counts."""

    started = 0
    running = 0
    bootstrap = "127.0.0.1:9"

    def start(self) -> Self:
        FakeCluster.started += 1
        FakeCluster.running += 1
        return self

    def stop(self) -> None:
        FakeCluster.running -= 1


@pytest.fixture(autouse=True)
def fake_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_broker, "KafkaCluster", FakeCluster)
    FakeCluster.started = FakeCluster.running = 0


def test_the_owner_waits_for_every_user_before_it_stops_the_broker(tmp_path: Path) -> None:
    shares = [SharedBroker(tmp_path) for _ in range(3)]
    assert {share.join() for share in shares} == {FakeCluster.bootstrap}
    assert FakeCluster.started == 1
    owner = threading.Thread(target=shares[0].leave)
    owner.start()
    for share in shares[1:]:
        time.sleep(0.05)
        assert (owner.is_alive(), FakeCluster.running) == (True, 1)
        share.leave()
    owner.join(10)
    assert (owner.is_alive(), FakeCluster.running) == (False, 0)


def test_whoever_comes_after_the_end_gets_a_broker_of_its_own(tmp_path: Path) -> None:
    for _ in range(2):
        share = SharedBroker(tmp_path)
        share.join()
        share.leave()
    assert (FakeCluster.started, FakeCluster.running) == (2, 0)


def test_leaving_without_having_joined_does_nothing(tmp_path: Path) -> None:
    SharedBroker(tmp_path).leave()
    assert FakeCluster.started == 0

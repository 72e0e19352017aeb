"""The launcher's way to jars, Java and ports: found once, and where something is missing, the cure is told."""

import socket
from pathlib import Path

import pytest

from deploy.kafka import jars
from deploy.kafka.config import Node, server_properties
from deploy.kafka.ports import free_ports
from features.errors import BrokerError


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(jars.CACHE_VARIABLE, str(tmp_path))
    return tmp_path


def command(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_jars_that_are_there_are_not_fetched_again(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (cache / jars.kafka_version()).mkdir()
    monkeypatch.setenv("PATH", "")
    assert jars.fetch_jars() == cache / jars.kafka_version()


def test_without_maven_the_message_names_it(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(cache))
    with pytest.raises(BrokerError, match="mvn: not found"):
        jars.fetch_jars()


def test_what_maven_says_is_told_and_nothing_half_done_is_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command(cache, "mvn", "echo no route to the registry; exit 1")
    monkeypatch.setenv("PATH", f"{cache}:/usr/bin:/bin")
    with pytest.raises(BrokerError, match="no route to the registry"):
        jars.fetch_jars()
    assert not (cache / jars.kafka_version()).exists()


def test_fetched_jars_appear_all_at_once(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        'for a in "$@"; do case $a in -DoutputDirectory=*) d=${a#*=}; mkdir "$d"; touch "$d/kafka.jar";; esac; done'
    )
    command(cache, "mvn", script)
    monkeypatch.setenv("PATH", f"{cache}:/usr/bin:/bin")
    assert [path.name for path in jars.fetch_jars().iterdir()] == ["kafka.jar"]


def test_java_is_taken_from_java_home_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    path = command(tmp_path / "bin", "java", "true")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    assert jars.java() == str(path)
    monkeypatch.delenv("JAVA_HOME")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BrokerError, match="Java 17"):
        jars.java()


def test_ports_in_use_are_not_offered() -> None:
    first = free_ports(1, "127.0.0.1")[0]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", first))
        assert first not in free_ports(50, "127.0.0.1")


@pytest.mark.parametrize(("brokers", "copies", "in_sync"), [(1, 1, 1), (3, 3, 2)])
def test_a_cluster_keeps_as_many_copies_as_it_can(brokers: int, copies: int, in_sync: int, tmp_path: Path) -> None:
    nodes = [Node(number, 20_000 + number, 30_000 + number) for number in range(1, brokers + 1)]
    lines = dict(line.split("=", 1) for line in server_properties(nodes[0], nodes, tmp_path).splitlines())
    assert (lines["default.replication.factor"], lines["min.insync.replicas"]) == (str(copies), str(in_sync))
    assert lines["controller.quorum.voters"].count("@") == brokers

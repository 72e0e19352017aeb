"""Contender: the points-and-tiers part by static rules on Kafka Streams, as a yardstick from the JVM.

`benchmarks/jvm/PointsAndTiers.java` says what it does and what it leaves out; Java compiles it at the start. Its jars
come from Maven Central into `.cache/kafka-streams`. CPU time is that of the whole JVM, its start included.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.contender import read_task
from deploy.kafka.jars import java
from features.errors import BrokerError

_FOLDER = Path(__file__).with_name("jvm")
_JARS = Path(".cache/kafka-streams")


def jars() -> Path:
    """The folder with the jars, fetched by Maven where they are missing.

    Raises:
        BrokerError: Maven is missing or fails.
    """
    if not _JARS.is_dir():
        maven = shutil.which("mvn")
        if maven is None:
            raise BrokerError("mvn: not found; Maven fetches the jars of Kafka Streams")
        part = _JARS.with_suffix(".part")
        command = [maven, "-q", "-B", "-f", str(_FOLDER / "pom.xml"), "dependency:copy-dependencies"]
        command += [f"-DoutputDirectory={part.resolve()}", "-DincludeScope=runtime"]
        subprocess.run(command, check=True)  # noqa: S603 - our own command line
        part.rename(_JARS)
    return _JARS


def main() -> None:
    """Become the JVM that works off the log of the task; with `--prepare` only fetch the jars."""
    if sys.argv[1:] == ["--prepare"]:
        jars()
        return
    task = read_task(sys.argv)
    ends = [f"{partition}={end}" for partition, end in task.ends.items()]
    command = [java(), "-cp", f"{jars()}/*", str(_FOLDER / "PointsAndTiers.java"), task.bootstrap, task.app_id]
    command += [task.topic_prefix, str(task.data_dir), str(task.result), str(task.actions), *ends]
    os.execv(command[0], command)  # noqa: S606 - a program of ours, no shell


if __name__ == "__main__":
    main()

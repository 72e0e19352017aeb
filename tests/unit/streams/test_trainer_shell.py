"""What a trainer keeps of itself: a whole checkpoint, of these examples, never ahead of what it has published."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest
from faust.types import TP

from loyalty.weights import Weights
from online_models.examples import PolicyNotice, encode_record
from online_models.published import Evidence, PublishedWeights
from online_models.training import Trainer
from streams.metrics import Metrics
from streams.recommendations_log import RecommendationsLog
from streams.records import LogRecord
from streams.trainer import CheckpointFile, Outlets, TrainerCheckpoint, TrainerShell

IDENTITY = b"examples-1"


def published(version: int) -> PublishedWeights:
    weights = Weights(version=version, earning_bp=(), score_bp=())
    return PublishedWeights(example_offset=version, log_time_ms=0, weights=weights, evidence=cast("Evidence", None))


class OneVersionPerRecord(Trainer):
    """Publishes with every record."""

    def learn(self, record: object, offset: int) -> PublishedWeights | None:  # noqa: ARG002 - the trainer's interface
        return published(offset)


class SlowWeights:
    """A weights topic that takes its time."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()

    async def publish(self, _published: PublishedWeights) -> bool:
        self.asked.set()
        await self.answer.wait()
        return False


def shell_over(folder: Path, weights: object) -> TrainerShell:
    async def fan_out(_published: PublishedWeights) -> None:
        return None

    async def identity() -> bytes:
        return IDENTITY

    shell = TrainerShell(
        cast("Any", None),
        identity=identity,
        checkpoints=CheckpointFile(folder),
        outlets=Outlets(cast("Any", weights), fan_out, cast("Any", None), RecommendationsLog("", cast("Any", None))),
        metrics=Metrics(),
    )
    shell._trainer = OneVersionPerRecord()
    shell._identity = IDENTITY
    return shell


class Nowhere:
    """A findings topic with nothing in it."""

    async def resume(self) -> None:
        return


EXAMPLES = TP("examples", 0)
NOTICE = LogRecord(0, 0, 0, None, encode_record(PolicyNotice(version=1, text="")))


def test_a_trainer_that_stops_while_a_version_is_on_its_way_does_not_keep_it_as_done(tmp_path: Path) -> None:
    async def stop_meanwhile() -> None:
        weights = SlowWeights()
        shell = shell_over(tmp_path, weights)
        learning = asyncio.create_task(shell._learn([NOTICE]))
        await weights.asked.wait()
        await shell.release()
        assert CheckpointFile(tmp_path).read(IDENTITY)[1] == -1
        weights.answer.set()
        await learning
        assert CheckpointFile(tmp_path).read(IDENTITY)[1] == 0

    asyncio.run(stop_meanwhile())


def test_a_checkpoint_of_other_examples_is_not_used(tmp_path: Path) -> None:
    CheckpointFile(tmp_path).write(TrainerCheckpoint(IDENTITY, 41, Trainer().to_checkpoint()))
    assert CheckpointFile(tmp_path).read(IDENTITY)[1] == 41
    assert CheckpointFile(tmp_path).read(b"examples-2")[1] == -1


@pytest.mark.parametrize("harm", [b"", b"garbage", "cut"])
def test_a_damaged_checkpoint_means_learning_from_the_start(tmp_path: Path, harm: bytes | str) -> None:
    files = CheckpointFile(tmp_path)
    files.write(TrainerCheckpoint(IDENTITY, 41, Trainer().to_checkpoint()))
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-9] if isinstance(harm, str) else harm)
    assert files.read(IDENTITY)[1] == -1


class Written:
    """A weights topic that has some versions already, and what was written out of it."""

    def __init__(self, *versions: int) -> None:
        self.versions = set(versions)
        self.out: list[int] = []

    async def read(self) -> PublishedWeights | None:
        return published(max(self.versions)) if self.versions else None

    async def publish(self, version: PublishedWeights) -> bool:
        is_new = version.version not in self.versions
        self.versions.add(version.version)
        return is_new

    async def fan_out(self, version: PublishedWeights) -> None:
        self.out.append(version.version)


def test_a_version_that_a_late_trainer_left_in_its_topic_alone_is_written_out_by_its_successor(tmp_path: Path) -> None:
    weights = Written(1)

    async def learn_again() -> None:
        shell = shell_over(tmp_path, weights)
        shell._fan_out = weights.fan_out
        shell._findings = cast("Any", Nowhere())
        await shell.prepare([EXAMPLES], {})
        shell._trainer = OneVersionPerRecord()
        weights.versions.add(2)  # its predecessor was given up and writes all the same, and gets no further
        await shell._learn([LogRecord(0, offset, 0, None, NOTICE.value) for offset in range(4)])

    asyncio.run(learn_again())
    assert weights.out == [1, 2, 3], "version 1 at the start, none of them twice"

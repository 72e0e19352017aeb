"""The trainer's shell: examples in, checkpoints to disk, weights versions out to every partition.

What is learned is `online_models.training`; here is what makes it happen once. A weights version is appended to the
weights topic, read back (the first record of a version holds), then written as a signed record into every partition of
the actions topic, stamped with the log time it was learned at, so that a history's log time does not jump to today.
A trainer that starts goes on from its checkpoint or learns again from the first example, comes to the same versions,
and writes the newest one out again: partitions ignore what they know.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec
from faust.streams import Stream
from faust.types import TP

from features.errors import ContractError
from online_models.checkpoint import CheckpointError
from online_models.examples import decode_record, pseudonym
from online_models.published import PublishedWeights
from online_models.recommended import Recommended
from online_models.training import Trainer
from streams.changelog import Replay
from streams.faust_overrides import ShellApp, acknowledge, end_process, was_cancelled
from streams.findings_log import FindingsLog
from streams.logs import fields, log
from streams.metrics import Metrics
from streams.recommendations_log import RecommendationsLog
from streams.records import LogRecord
from streams.recovery import Positions
from streams.weights_log import WeightsLog
from streams.whole_files import replace_file

EXAMPLES_PARTITION = 0

# About a second of learning is lost with a killed trainer; a checkpoint takes some milliseconds.
CHECKPOINT_EVERY_EXAMPLES = 5_000
_CHECKPOINT_FILE = "trainer.checkpoint"


class TrainerCheckpoint(msgspec.Struct, frozen=True, array_like=True):
    """State of the trainer after the example at `offset` of the topic with this identity."""

    identity: bytes
    offset: int
    trainer: bytes


class CheckpointFile:
    """The newest checkpoint, replaced as a whole.

    Args:
        folder: The data folder.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _CHECKPOINT_FILE

    def write(self, checkpoint: TrainerCheckpoint) -> None:
        """Replace the checkpoint; a crash leaves the old one or the new one."""
        replace_file(self._path, msgspec.msgpack.encode(checkpoint))

    def read(self, identity: bytes) -> tuple[Trainer, int]:
        """The trainer and the offset of the last example it has learned; new and -1 without a usable checkpoint."""
        try:
            checkpoint = msgspec.msgpack.decode(self._path.read_bytes(), type=TrainerCheckpoint)
            trainer = Trainer.from_checkpoint(checkpoint.trainer)
        except FileNotFoundError:
            return Trainer(), -1
        except (msgspec.DecodeError, CheckpointError) as failure:
            log("trainer").warning("checkpoint refused: learning from the start", extra=fields(reason=str(failure)))
            return Trainer(), -1
        if checkpoint.identity != identity:
            log("trainer").warning("the checkpoint is of other examples: learning from the start", extra=fields())
            return Trainer(), -1
        return trainer, checkpoint.offset


class Outlets(NamedTuple):
    """Where a trainer's word goes: the weights topic, a version in every partition, findings, recommendations."""

    weights: WeightsLog
    fan_out: Callable[[PublishedWeights], Awaitable[None]]
    findings: FindingsLog
    recommendations: RecommendationsLog


class TrainerShell:
    """Runs the trainer on what Faust delivers.

    Args:
        app: The Faust app.
        identity: Returns the identity of the examples topic.
        checkpoints: Where its state is kept.
        outlets: Where what it has to say goes.
        metrics: Where to count.
    """

    def __init__(
        self,
        app: ShellApp,
        *,
        identity: Callable[[], Awaitable[bytes]],
        checkpoints: CheckpointFile,
        outlets: Outlets,
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._ask_identity = identity
        self._checkpoints = checkpoints
        self._weights = outlets.weights
        self._fan_out = outlets.fan_out
        self._findings = outlets.findings
        self._recommendations = outlets.recommendations
        self._metrics = metrics
        self._identity = b""
        self._trainer = Trainer()
        self._offset = -1
        self._saved_offset = -1
        self._publishing = False
        self._written_out = 0

    async def prepare(self, assigned: Collection[TP], _replays: Mapping[int, Replay]) -> Positions:
        """Restore the trainer and publish the newest version again; returns where reading goes on."""
        positions = dict.fromkeys(assigned, 0)
        mine = [tp for tp in assigned if tp.partition == EXAMPLES_PARTITION]
        if mine:
            self._identity = await self._ask_identity()
            self._trainer, self._offset = self._checkpoints.read(self._identity)
            self._saved_offset = self._offset
            self._publishing = False
            newest = await self._weights.read()
            if newest is not None:
                await self._fan_out(newest)
                self._written_out = newest.version
            await self._findings.resume()
            positions[mine[0]] = self._offset + 1
        return positions

    async def release(self) -> None:
        """Keep what was learned, unless something is on its way: the successor has to learn and publish it again."""
        if self._offset > self._saved_offset and not (self._publishing or self._recommendations.waiting):
            self._save()

    def recommend(self, member_id: str, length: int, available: Collection[str] | None) -> Recommended:
        """The best list for a member as things stand; see `Recommender.recommend`."""
        return self._trainer.insights.recommender.recommend(pseudonym(member_id), length, available)

    async def run(self, stream: Stream) -> None:
        """The agent: one event is a batch of examples."""
        async for event in stream.noack().events():
            try:
                message = event.message
                if message.generation_id != self._app.consumer_generation_id:
                    message.acked = True  # fetched for an assignment that is over; it is read again
                elif message.partition == EXAMPLES_PARTITION:
                    await self._learn(event.value)
                    acknowledge(self._app, event)
            # An example that was skipped would make all later versions wrong.
            except BaseException as failure:
                if was_cancelled(failure):
                    raise
                end_process("trainer", failure)

    async def _learn(self, records: Collection[LogRecord]) -> None:
        for record in records:
            if record.offset <= self._offset or record.value is None:
                continue
            # Only idempotent producers write here and nothing is compacted, so offsets have no holes. Going on behind
            # one would be worse than a loss: every later example of those partitions would wait for ever.
            if record.offset > self._offset + 1:
                raise ContractError(f"examples {self._offset + 1} to {record.offset - 1} were not read; start again")
            published = self._trainer.learn(decode_record(record.value), record.offset)
            self._offset = record.offset
            if self._trainer.findings:
                await self._report(record)
            if self._trainer.recommendation is not None:
                self._recommendations.put(self._trainer.recommendation, record.key or b"")
            if published is not None:
                await self._publish(published)
        await self._recommendations.flush()
        self._metrics.event("examples_learned", len(records))
        value = self._trainer.figures().value
        self._metrics.set("model_absolute_error_minor", "value", value.mae_minor)
        self._metrics.set("model_absolute_error_minor", "naive", value.naive_mae_minor)
        if self._offset - self._saved_offset >= CHECKPOINT_EVERY_EXAMPLES:
            self._save()

    async def _report(self, record: LogRecord) -> None:
        self._publishing = True
        for finding in self._trainer.findings:
            self._metrics.event("findings_reported", await self._findings.report(finding, record.key or b""))
        self._publishing = False

    async def _publish(self, published: PublishedWeights) -> None:
        self._publishing = True
        is_new = await self._weights.publish(published)
        # What stands in the topic already may be the work of a trainer that was given up and got no further.
        if published.version > self._written_out:
            await self._fan_out(published)
            self._written_out = published.version
        if is_new:
            self._metrics.event("weights_published")
            log("trainer").info("weights published", extra=fields(weights_version=published.version))
        await self._recommendations.flush()
        self._publishing = False
        self._save()

    def _save(self) -> None:
        checkpoint = TrainerCheckpoint(self._identity, self._offset, self._trainer.to_checkpoint())
        self._checkpoints.write(checkpoint)
        self._saved_offset = self._offset

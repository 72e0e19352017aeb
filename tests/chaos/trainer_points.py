"""The named points that a trainer passes, where the product has no hook: its methods are wrapped."""

from collections.abc import Callable

from online_models.published import PublishedWeights
from streams.trainer import CheckpointFile, TrainerCheckpoint
from streams.weights_log import WeightsLog
from streams.writers import RecordWriter


def tell_points(passes: Callable[[str], None]) -> None:
    """From now on let trainers of this process call `passes` with the name of each point that they reach."""
    publish, append, write = WeightsLog.publish, RecordWriter.append, CheckpointFile.write

    async def publish_and_tell(self: WeightsLog, published: PublishedWeights) -> bool:
        passes("learned")
        is_new = await publish(self, published)
        passes("published")
        return is_new

    async def append_and_tell(
        self: RecordWriter,
        topic: str,
        partition: int,
        value: bytes,
        *,
        key: bytes | None = None,
        timestamp_ms: int | None = None,
    ) -> int:
        offset = await append(self, topic, partition, value, key=key, timestamp_ms=timestamp_ms)
        passes("appended")
        return offset

    def write_and_tell(self: CheckpointFile, checkpoint: TrainerCheckpoint) -> None:
        write(self, checkpoint)
        passes("saved")

    WeightsLog.publish = publish_and_tell  # type: ignore[method-assign]  # the product has no hook for this
    RecordWriter.append = append_and_tell  # type: ignore[method-assign]  # as above
    CheckpointFile.write = write_and_tell  # type: ignore[method-assign]  # as above

"""Checkpoints: what was written comes back; what was written by others, or tampered with, does not."""

import msgspec
import pytest

from online_models import checkpoint
from online_models.checkpoint import CheckpointError, pack, unpack


class Foreign:
    """No part of a trainer."""


def test_a_state_comes_back_as_it_was() -> None:
    state = {"numbers": [1, 2.5, None], "pairs": ((1, "a"),)}

    assert unpack(pack(state)) == state


@pytest.mark.parametrize("field", ["format", "river", "numpy", "python"])
def test_a_checkpoint_of_another_version_is_refused_by_name(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = pack({})
    now = checkpoint.stamp_now()
    other = msgspec.structs.replace(now, **{field: 99 if field == "format" else "0.0.1"})
    monkeypatch.setattr(checkpoint, "stamp_now", lambda: other)

    with pytest.raises(CheckpointError, match="was written by"):
        unpack(raw)


def test_a_damaged_checkpoint_is_refused() -> None:
    raw = bytearray(pack({"state": "a" * 50}))
    raw[-10] ^= 1

    with pytest.raises(CheckpointError, match="damaged"):
        unpack(bytes(raw))


def test_bytes_that_are_no_checkpoint_are_refused() -> None:
    for raw in (b"", b"garbage", msgspec.msgpack.encode((b"other", checkpoint.stamp_now(), b"", b""))):
        with pytest.raises(CheckpointError, match="not a checkpoint"):
            unpack(raw)


def test_a_class_that_no_trainer_contains_is_not_loaded() -> None:
    with pytest.raises(CheckpointError, match="no trainer contains"):
        unpack(pack(Foreign()))
    with pytest.raises(CheckpointError, match="no trainer contains"):
        unpack(pack(eval))

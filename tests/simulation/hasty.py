"""A trainer in a hurry: it draws its weights from a digest of what it has learned, so that every epoch brings new ones.

The real models believe little after so few examples, and rightly publish nothing. What counts here is that a version
depends on every example learned and on their order. All else of `online_models.training` is real: numbers, epochs,
versions, checkpoints.
"""

from collections.abc import Callable
from typing import Any
from zlib import crc32

import msgspec

from loyalty.policy import Learning
from loyalty.weights import Weights
from online_models.conduct import ConductWatch
from online_models.effects import Effect
from online_models.examples import Outcome
from online_models.models import Models
from online_models.tier_score import TermEvidence
from online_models.weights import ActionEvidence

_NO_EFFECT = Effect("purchase", 0, 0, 0, 0)
_SPREAD_BP = 5_000


def learn(self: Models, outcome: Outcome, _log_time_ms: int) -> bool:
    """In place of `Models.learn`."""
    self._seen = crc32(msgspec.msgpack.encode(outcome), self._seen)
    return False


def propose(
    self: Models, _weights: Weights, _learning: Learning
) -> tuple[tuple[ActionEvidence, ...], tuple[TermEvidence, ...]]:
    """In place of `Models.propose`."""
    weight_bp = 7_500 + self._seen % _SPREAD_BP
    return (ActionEvidence("purchase", "learned", _NO_EFFECT, None, 0, 0, weight_bp, weight_bp, ()),), ()


Shape = tuple[object, ...]

_PARTS: dict[Shape, dict[str, Any]] = {}
_UNREAD = ConductWatch()


def reduce(self: Models) -> tuple[Callable[[Shape, int], Models], tuple[Shape, int]]:
    """How `Models` are pickled: the parts that learn nothing here are always the same, and are kept once."""
    shape = (self.horizon_days, self.effects.actions, repr(self.terms.basis), repr(self.trial.basis))
    _PARTS.setdefault(shape, dict(vars(self)))
    return restored, (shape, self._seen)


def restored(shape: Shape, seen: int) -> Models:
    """The models that `reduce` wrote down."""
    models = Models.__new__(Models)
    vars(models).update(_PARTS[shape], _seen=seen)
    return models


def reduce_conduct(self: ConductWatch) -> tuple[Callable[[], ConductWatch], tuple[()]]:
    """How a `ConductWatch` is pickled, whose trees are nine tenths of a checkpoint: no sighting reaches it here."""
    assert not self.seen
    assert not self._cases
    return unread, ()


def unread() -> ConductWatch:
    """The one that has learned nothing."""
    return _UNREAD

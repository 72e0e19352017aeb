"""Learned numbers as decisions see them: integers in basis points, versioned, and nothing else.

How they are learned is the business of `online_models`; a decision only ever multiplies by what a weights record says.
"""

from functools import cached_property

import msgspec

from loyalty.policy.fields import BP

__all__ = ["BP", "STATIC", "Weights"]


class Weights(msgspec.Struct, frozen=True, dict=True):
    """One weights version.

    `earning_bp` pairs an action's name with the factor on its awards, `score_bp` pairs a score term's measure with the
    factor on its contribution; what is not listed has factor 10,000.

    Example:
        >>> weights = Weights(version=3, earning_bp=(("purchase", 9_500),))
        >>> weights.earning("purchase"), weights.earning("review"), weights.score("spend")
        (9500, 10000, 10000)
    """

    version: int
    earning_bp: tuple[tuple[str, int], ...] = ()
    score_bp: tuple[tuple[str, int], ...] = ()

    @cached_property
    def _earning(self) -> dict[str, int]:
        return dict(self.earning_bp)

    @cached_property
    def _score(self) -> dict[str, int]:
        return dict(self.score_bp)

    def earning(self, action: str) -> int:
        """Factor on awards of `action`, in basis points."""
        return self._earning.get(action, BP)

    def score(self, measure: str) -> int:
        """Factor on the score term over `measure`, in basis points."""
        return self._score.get(measure, BP)


STATIC = Weights(version=0)
"""The static programme: every factor is one."""

"""What the learned misconduct score says about a member: an integer and a word, in the partition's own log."""

from typing import Annotated, Literal

import msgspec

MAX_SCORE = 1_000
"""The most unusual that behaviour can be; 0 is entirely usual."""

Ruling = Literal["hold", "release", "cancel"]


class Verdict(msgspec.Struct, frozen=True):
    """What is to become of `member`'s pending points: held, let go, or cancelled; how far is for the policy to say.

    `score` runs from 0 to `MAX_SCORE`; `reason` is for people. `example_offset` is the training example that completed
    the verdict: of one member each verdict has a higher one than the last, so one that is sent again changes nothing.
    """

    member: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    verdict: Ruling
    score: Annotated[int, msgspec.Meta(ge=0, le=MAX_SCORE)]
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
    example_offset: Annotated[int, msgspec.Meta(ge=0)]
    log_time_ms: int

    @property
    def id(self) -> str:
        """The verdict's name, as a record and as a cause."""
        return f"verdict-{self.example_offset}-{self.member}"

"""What is offered to a member: the trainer's choice, in the partition's own log."""

from typing import Annotated

import msgspec


class Offer(msgspec.Struct, frozen=True):
    """A campaign is offered to `member`. `log_time_ms` is that of the moment that it was chosen for.

    `example_offset` is the record of the examples topic that completed the choice: of one member each offer has a
    higher one than the last, so one that is sent again changes nothing.
    """

    member: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    campaign: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    example_offset: Annotated[int, msgspec.Meta(ge=0)]
    log_time_ms: int

    @property
    def id(self) -> str:
        """The offer's name, as a record and as a cause."""
        return f"offer-{self.example_offset}-{self.member}"

"""Bounds and words that several policy sections share."""

from typing import Annotated

import msgspec

BP = 10_000
"""One whole, in basis points."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every section: immutable, every field named in the file."""


Name = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""An id in the policy: lower-case letters, digits, `_`, `.`, `-`; at most 64."""

Label = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
"""A word of the platform's own, such as a category or an item id."""

Points = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
"""Points in the smallest unit: with `point_scale = 10`, tenths of a point."""

Units = Annotated[int, msgspec.Meta(ge=0, le=10**15)]
"""An amount on a scale that the field's name tells."""

Positive = Annotated[int, msgspec.Meta(ge=1, le=10**15)]

FactorBp = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
"""A factor in basis points: 10,000 is one, 15,000 is one and a half; at most a hundred."""

ShareBp = Annotated[int, msgspec.Meta(ge=0, le=10_000)]
"""A share in basis points, 0 to 10,000."""

Days = Annotated[int, msgspec.Meta(ge=0, le=36_500)]

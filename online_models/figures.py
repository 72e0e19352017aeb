"""How well a model predicts, as published: integers, so that a version has one encoding."""

import msgspec


class ValueFigures(msgspec.Struct, frozen=True):
    """How good the value model is, in minor units. Ratios are in basis points, so that figures are integers.

    `mae_over_naive_bp` compares with persistence on the same examples, `recent_*` looks back about 5,000 examples.
    `predicted_over_realised_bp` compares the sums.
    """

    examples: int
    mae_minor: int
    naive_mae_minor: int
    mae_over_naive_bp: int
    recent_mae_over_naive_bp: int
    predicted_over_realised_bp: int

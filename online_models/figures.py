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


class OddsFigures(msgspec.Struct, frozen=True):
    """How good a model of chances, or of burn rates, is: its mean loss and the static rule's on the same examples.

    In millionths: log-loss of chances, squared error of rates.
    `predicted_share_ppm` is the mean of the chances given, `realised_share_ppm` the share that came to pass.
    """

    examples: int = 0
    loss_micro: int = 0
    static_loss_micro: int = 0
    predicted_share_ppm: int = 0
    realised_share_ppm: int = 0
    drift_alarms: int = 0
    falls_back: bool = False


class CategoryFigures(msgspec.Struct, frozen=True):
    """How well the next category is named: hits and mean log-loss, the model's and those of the member's own interests.

    `popular_hits_bp` names the most popular category every time.
    """

    examples: int = 0
    loss_micro: int = 0
    own_loss_micro: int = 0
    hits_bp: int = 0
    own_hits_bp: int = 0
    popular_hits_bp: int = 0
    falls_back: bool = False

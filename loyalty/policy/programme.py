"""Policy sections that frame the programme: currency and time zone, input limits, learning, notifications."""

from functools import cached_property
from typing import Annotated, Literal

import msgspec

from features.event_time import DAY_MS, MINUTE_MS
from loyalty.policy.fields import Days, Name, Positive, Section, ShareBp

CurrencyCode = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
PPM = 1_000_000  # one whole, in parts per million

Rounding = Literal["half_even", "floor"]


class Programme(Section, frozen=True, dict=True):
    """Name, money and calendar of the programme.

    `point_scale` is how many of the smallest unit make one point: 1 counts in whole points, 10 in tenths. `rates_ppm`
    converts one minor unit of a currency into minor units of `currency`, in parts per million. `point_value_ppm` is
    what one of the smallest unit of points is worth in minor units, in parts per million; it decides nothing and is
    for `tierstream liability`, which without it takes the best list price of a reward of kind `cash_back`.
    """

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    currency: CurrencyCode
    time_zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"
    point_scale: Literal[1, 10, 100, 1000] = 1
    rounding: Rounding = "half_even"
    rates_ppm: dict[CurrencyCode, Positive] = msgspec.field(default_factory=dict)
    point_value_ppm: Positive | None = None

    @cached_property
    def _rates(self) -> dict[str, int]:
        return {self.currency: PPM, **self.rates_ppm}

    def rate_ppm(self, currency: str) -> int | None:
        """Minor units of the programme's currency per million minor units of `currency`; None where it is unknown."""
        return self._rates.get(currency)


class Input(Section, frozen=True, dict=True):
    """What is still accepted, and how much a sweep does at once.

    `lateness_days`: an action further behind log time is refused (30: the longest offline sync we know of).
    `max_skew_minutes`: an action further ahead of log time is refused (10: clocks of shops differ by less).
    `refund_horizon_days`: a later refund is refused, so orders can be forgotten (180: half a year of returns).
    `sweep_members_per_record`: members with due work that are served per record read (32: no record waits long).
    """

    lateness_days: Days = 30
    max_skew_minutes: Annotated[int, msgspec.Meta(ge=0, le=1_440)] = 10
    refund_horizon_days: Annotated[int, msgspec.Meta(ge=0, le=730)] = 180
    sweep_members_per_record: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 32

    @cached_property
    def lateness_ms(self) -> int:
        """`lateness_days` in milliseconds."""
        return self.lateness_days * DAY_MS

    @cached_property
    def max_skew_ms(self) -> int:
        """`max_skew_minutes` in milliseconds."""
        return self.max_skew_minutes * MINUTE_MS

    @cached_property
    def reach_ms(self) -> int:
        """How far back a refund or a late action can reach, in milliseconds."""
        return self.refund_horizon_ms + self.lateness_ms + self.max_skew_ms

    @cached_property
    def memory_ms(self) -> int:
        """How long what has become of points is remembered: longer than any order that may ask for it is kept.

        Orders are kept for `reach_ms` after the end of the day on which they came in, and came in `lateness_ms` after
        they were made at most.
        """
        return self.reach_ms + self.lateness_ms + DAY_MS

    @cached_property
    def refund_horizon_ms(self) -> int:
        """`refund_horizon_days` in milliseconds."""
        return self.refund_horizon_days * DAY_MS


class Learning(Section, frozen=True):
    """How far learned weights may go. With `enabled = false` the engine is exactly the static programme.

    `band_low_bp`, `band_high_bp`: learned factors stay between these (5,000 to 20,000: half to double the static rule).
    `step_bp`: most that a factor may move per epoch (500). `epoch_examples`: matured examples per epoch (5,000).
    `min_examples`: no weights before this many examples (2,000). `sample_share_bp`: share of days that become a
    prediction moment of a member (500). `horizon_days`: what the label looks ahead (30). `lapse_days`: a member who is
    silent for longer is no longer sampled (180). `frozen`: the operator's switch; the last weights stay.
    """

    enabled: bool = False
    frozen: bool = False
    band_low_bp: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 5_000
    band_high_bp: Annotated[int, msgspec.Meta(ge=10_000, le=100_000)] = 20_000
    step_bp: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 500
    epoch_examples: Positive = 5_000
    min_examples: Positive = 2_000
    sample_share_bp: ShareBp = 500
    horizon_days: Annotated[int, msgspec.Meta(ge=1, le=365)] = 30
    lapse_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] = 180


NotificationTopic = Literal["tier_changes", "points_expiry"]


class Notifications(Section, frozen=True):
    """What members are told about, beside the answer to a redemption, which always comes.

    `points_remind_days`: how long before points expire (0: never). `purpose`: the consent that a member can withdraw.
    """

    about: tuple[NotificationTopic, ...] = ("tier_changes", "points_expiry")
    points_remind_days: Days = 30
    purpose: Name | None = None

"""Learned earning weights: points move to where a point is proven to buy more spend.

The *worth* of an action is the spend that one of its points brings, `effect / points per action`, as a share of what
the programme's members spend per point. Only actions whose worth is known take part: an interval narrow enough to tell
high from low, and a placebo that cannot be most of it (`online_models.effects`). Among these, the wish is
`1 + shrunk(worth - mean worth)`: points go from those below the mean to those above it, the less the more uncertain the
difference is. All others have the weight of the static rule. Wishes are then cut to band, step and budget
(`online_models.budget`).
"""

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import msgspec

from loyalty.policy import Learning
from loyalty.policy.fields import BP
from online_models.budget import Limits, is_settled, limits_of, project
from online_models.effects import Effect
from online_models.issuance import Issuance

Verdict = Literal["learned", "not_issued", "uncertain", "placebo"]
Limit = Literal["band_low", "band_high", "step", "budget"]

# Intervals reach this many standard errors to each side: about 95% for an action that takes part already, and 99.7% for
# one that is to take part, so that an action on the edge does not come and go.
_ERRORS = 2
_ERRORS_TO_ENTER = 3

_MILLI = 1_000

# A worth is known when its interval reaches no further than half of it, or than this (of the programme's mean spend per
# point): a worth of nothing, known for sure, is knowledge too. The placebo's interval must lie within the same bound.
_TOLERANCE_BP = 2_500


class Worth(msgspec.Struct, frozen=True):
    """An effect and its placebo per point, in basis points of the programme's spend per point."""

    worth_bp: int
    error_bp: int
    placebo_bp: int
    placebo_error_bp: int

    def verdict(self, *, taking_part: bool) -> Verdict:
        """Whether the worth is known.

        Example:
            >>> Worth(8_000, 1_500, 500, 800).verdict(taking_part=True)
            'learned'
            >>> Worth(8_000, 1_500, 500, 800).verdict(taking_part=False)
            'uncertain'
            >>> Worth(8_000, 1_000, 7_000, 800).verdict(taking_part=True)
            'placebo'
            >>> Worth(0, 800, 0, 800).verdict(taking_part=False)
            'learned'
        """
        errors = _ERRORS if taking_part else _ERRORS_TO_ENTER
        bound_bp = max(abs(self.worth_bp) // 2, _TOLERANCE_BP)
        if errors * self.error_bp > bound_bp:
            return "uncertain"
        if abs(self.placebo_bp) + errors * self.placebo_error_bp > bound_bp:
            return "placebo"
        return "learned"


class ActionEvidence(msgspec.Struct, frozen=True):
    """Why an action's weight is what it is. `share_bp`: its share of the points issued; `limits`: what cut the wish.

    `source`: whether the worth is that of a trial, or of the comparison with the members' own past.
    """

    action: str
    verdict: Verdict
    effect: Effect
    worth: Worth | None
    points_per_action_milli: int
    share_bp: int
    wish_bp: int
    weight_bp: int
    limits: tuple[Limit, ...]
    source: Literal["comparison", "trial"] = "comparison"


class Tried(NamedTuple):
    """What a trial has shown, and what it gives away of each action's points, in basis points of what is issued."""

    worths: Mapping[str, Worth]
    cost_bp: Mapping[str, int]


NOTHING_TRIED = Tried({}, {})


def worth_of(effect: Effect, issuance: Issuance, spend_per_point: float) -> Worth | None:
    """The effect per point; None where no points are issued for the action, or nothing is spent."""
    if issuance.points <= 0 or issuance.points_per_action <= 0.0 or spend_per_point <= 0.0:
        return None
    scale = BP / issuance.points_per_action / spend_per_point
    return Worth(
        worth_bp=round(effect.effect_minor * scale),
        error_bp=round(effect.error_minor * scale),
        placebo_bp=round(effect.placebo_minor * scale),
        placebo_error_bp=round(effect.placebo_error_minor * scale),
    )


def shrunk(effect: float, error: float) -> float:
    """`effect`, less the more uncertain it is: nothing within two standard errors, all of it when it is certain.

    Example:
        >>> shrunk(10.0, 0.0), shrunk(10.0, 2.5), shrunk(-10.0, 2.5)
        (10.0, 7.5, -7.5)
    """
    if effect == 0.0:
        return 0.0
    doubt = _ERRORS * error / effect
    return effect * max(0.0, 1.0 - doubt * doubt)


def propose(
    effects: Sequence[Effect],
    issued: Mapping[str, Issuance],
    spend_per_point: float,
    current_bp: Mapping[str, int],
    learning: Learning,
    tried: Tried = NOTHING_TRIED,
) -> tuple[ActionEvidence, ...]:
    """The next weight of every action, with the evidence for it.

    Where a trial has an action's worth, that counts and not the comparison with the member's own past; what the trial
    gives away is taken off the budget.

    `spend_per_point` is what members spend, in minor units, per point that the static rule issues. Only actions with a
    proven effect move, and only against each other; the others go back to the static rule, step by step, and what that
    takes or gives is part of the same budget.
    """
    issuances = [issued.get(effect.action, Issuance(0, 0.0)) for effect in effects]
    worths = [
        tried.worths.get(effect.action) or worth_of(effect, issuance, spend_per_point)
        for effect, issuance in zip(effects, issuances, strict=True)
    ]
    current = [current_bp.get(effect.action, BP) for effect in effects]
    verdicts: list[Verdict] = [
        "not_issued" if worth is None else worth.verdict(taking_part=weight != BP)
        for worth, weight in zip(worths, current, strict=True)
    ]
    known = [i for i, verdict in enumerate(verdicts) if verdict == "learned"]
    shares = [issuance.points for issuance in issuances]
    wishes = _wishes(worths, known, shares, learning)
    limits = [limits_of(weight, learning.band_low_bp, learning.band_high_bp, learning.step_bp) for weight in current]
    given = sum(
        round(share * tried.cost_bp.get(effect.action, 0)) for effect, share in zip(effects, shares, strict=True)
    )
    weights = _weights(wishes, current, known, shares, limits, given)
    total = max(1, sum(shares))
    return tuple(
        ActionEvidence(
            action=effect.action,
            verdict=verdicts[i],
            effect=effect,
            worth=worths[i],
            points_per_action_milli=round(issuances[i].points_per_action * _MILLI),
            share_bp=shares[i] * BP // total,
            wish_bp=wishes[i],
            weight_bp=weights[i],
            limits=_limits_hit(wishes[i], weights[i], limits[i], learning),
            source="trial" if effect.action in tried.worths else "comparison",
        )
        for i, effect in enumerate(effects)
    )


def _wishes(
    worths: Sequence[Worth | None], known: Sequence[int], shares: Sequence[int], learning: Learning
) -> list[int]:
    """The weight that each action's worth asks for, within the band; the static rule's where the worth is not known."""
    wishes = [BP] * len(worths)
    total = max(1, sum(shares[i] for i in known))
    mean = sum(shares[i] * worth.worth_bp for i in known if (worth := worths[i]) is not None) / total
    for i in known:
        if (worth := worths[i]) is not None:
            wish = BP + shrunk(worth.worth_bp - mean, float(worth.error_bp))
            wishes[i] = round(max(learning.band_low_bp, min(learning.band_high_bp, wish)))
    return wishes


def _weights(
    wishes: Sequence[int],
    current: Sequence[int],
    known: Sequence[int],
    shares: Sequence[int],
    limits: Sequence[Limits],
    given: int,
) -> list[int]:
    """The wishes within limits and budget.

    The known ones are moved against each other, if it is worth it; the others go back to the static rule in any case,
    and what that takes or gives is part of the same budget.
    """
    weights = [_within(wish, limit) for wish, limit in zip(wishes, limits, strict=True)]
    budget = sum(share * BP if i in known else share * (BP - weights[i]) for i, share in enumerate(shares))
    budget -= given
    projected = project([wishes[i] for i in known], [shares[i] for i in known], [limits[i] for i in known], budget)
    for i, weight in zip(known, projected, strict=True):
        weights[i] = weight
    others_are_static = all(weight == BP for i, weight in enumerate(current) if i not in known)
    return list(current) if others_are_static and is_settled(current, weights) else weights


def _within(wish_bp: int, limits: Limits) -> int:
    return min(limits.high_bp, max(limits.low_bp, wish_bp))


def _limits_hit(wish_bp: int, weight_bp: int, limits: Limits, learning: Learning) -> tuple[Limit, ...]:
    hit: list[Limit] = []
    if wish_bp <= learning.band_low_bp:
        hit.append("band_low")
    if wish_bp >= learning.band_high_bp:
        hit.append("band_high")
    if not limits.low_bp <= wish_bp <= limits.high_bp:
        hit.append("step")
    if weight_bp != _within(wish_bp, limits):
        hit.append("budget")
    return tuple(hit)

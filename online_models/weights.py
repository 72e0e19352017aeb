"""Learned earning weights: where a point buys more spend than elsewhere, a little more of it is issued.

For each rewarded action the wish is `1 + shrink x (effect / points per action) / (spend / point)`: an action whose
point brings as much future spend as the programme has spend per point would be doubled, one that brings nothing keeps
the static rule. `shrink` is `1 - (2 x error / effect)^2`, and 0 below: an effect within two standard errors of nothing
moves nothing, a certain one counts in full. An effect that its own placebo check could explain counts for nothing
(`online_models.effects`). Wishes are then cut to band, step and budget (`online_models.budget`).
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from loyalty.policy import Learning
from loyalty.weights import BP
from online_models.budget import Limits, limits_of, project
from online_models.effects import Effect
from online_models.issuance import Issuance

Verdict = Literal["learned", "not_issued", "uncertain", "placebo"]
Limit = Literal["band_low", "band_high", "step", "budget"]

# An effect must be at least this many standard errors from nothing: about 95% certain.
_ERRORS = 2

# A wish this near to the weight in force is no reason to move: weights stop where noise would only make them tremble.
_DEAD_BAND_BP = 50


class ActionEvidence(msgspec.Struct, frozen=True):
    """Why an action's weight is what it is. `share_bp`: its share of the points issued; `limits`: what cut the wish."""

    action: str
    verdict: Verdict
    effect: Effect
    points_per_award_milli: int
    share_bp: int
    wish_bp: int
    weight_bp: int
    limits: tuple[Limit, ...]


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


def verdict_of(effect: Effect, issuance: Issuance) -> Verdict:
    """Whether an effect may move a weight, and why not.

    The placebo check is passed when even the far end of the placebo's interval is at most half the effect: what drives
    both directions then cannot be most of it.
    """
    if issuance.points <= 0 or issuance.awards <= 0:
        return "not_issued"
    size = abs(effect.effect_minor)
    if size <= _ERRORS * effect.error_minor:
        return "uncertain"
    if 2 * (abs(effect.placebo_minor) + _ERRORS * effect.placebo_error_minor) > size:
        return "placebo"
    return "learned"


def propose(
    effects: Sequence[Effect],
    issued: Mapping[str, Issuance],
    spend_per_point: float,
    current_bp: Mapping[str, int],
    learning: Learning,
) -> tuple[ActionEvidence, ...]:
    """The next weight of every action, with the evidence for it.

    `spend_per_point` is what members spend, in minor units, per point that the static rule issues. Only actions with a
    proven effect move, and only against each other; the others go back to the static rule, step by step, and what that
    takes or gives is part of the same budget.
    """
    issuances = [issued.get(effect.action, Issuance()) for effect in effects]
    verdicts = [verdict_of(effect, issuance) for effect, issuance in zip(effects, issuances, strict=True)]
    current = [current_bp.get(effect.action, BP) for effect in effects]
    wishes = [
        _settled(_wish_bp(effect, issuance, spend_per_point, learning), weight) if verdict == "learned" else BP
        for effect, issuance, verdict, weight in zip(effects, issuances, verdicts, current, strict=True)
    ]
    limits = [limits_of(weight, learning.band_low_bp, learning.band_high_bp, learning.step_bp) for weight in current]
    weights = [_within(wish, limit) for wish, limit in zip(wishes, limits, strict=True)]
    shares = [max(0, issuance.points) for issuance in issuances]
    moving = [i for i, verdict in enumerate(verdicts) if verdict == "learned"]
    budget = sum(share * BP if i in moving else share * (BP - weights[i]) for i, share in enumerate(shares))
    projected = project([wishes[i] for i in moving], [shares[i] for i in moving], [limits[i] for i in moving], budget)
    for i, weight in zip(moving, projected, strict=True):
        weights[i] = weight
    total = max(1, sum(shares))
    return tuple(
        ActionEvidence(
            action=effect.action,
            verdict=verdicts[i],
            effect=effect,
            points_per_award_milli=issuances[i].points * 1_000 // max(1, issuances[i].awards),
            share_bp=shares[i] * BP // total,
            wish_bp=wishes[i],
            weight_bp=weights[i],
            limits=_limits_hit(wishes[i], weights[i], limits[i], learning),
        )
        for i, effect in enumerate(effects)
    )


def _within(wish_bp: int, limits: Limits) -> int:
    return min(limits.high_bp, max(limits.low_bp, wish_bp))


def _wish_bp(effect: Effect, issuance: Issuance, spend_per_point: float, learning: Learning) -> int:
    """The weight that the effect alone would ask for, within the band."""
    if spend_per_point <= 0.0:
        return BP
    per_point = shrunk(float(effect.effect_minor), float(effect.error_minor)) * issuance.awards / issuance.points
    wish = BP * (1.0 + per_point / spend_per_point)
    return round(max(learning.band_low_bp, min(learning.band_high_bp, wish)))


def _settled(wish_bp: int, current_bp: int) -> int:
    return current_bp if abs(wish_bp - current_bp) < _DEAD_BAND_BP else wish_bp


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

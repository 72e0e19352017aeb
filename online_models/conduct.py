"""Misconduct: a score for how far out of the ordinary a member's rates are, and the verdicts that follow from it.

The score is the higher of two. Rules: a rate over its limit in the policy is 1,000. Anomaly: half-space trees (Tan,
Ting and Liu 2011, "Fast anomaly detection for streaming data", IJCAI) say how alone a member's rates are, and the score
tells how rare that is among late sightings. A member may be alone by being quiet: so an anomaly counts only where one
of the rates is itself rare for being high, and that one is the reason given.

A score fades by half in some days, so that a member is not let go because an hour has passed. Whom an operator has
released is left alone for a while: an appeal that a machine overrules the next day is none.
"""

from collections.abc import Iterator
from math import log1p
from typing import Final, NamedTuple, TypedDict

from river import anomaly

from features.event_time import DAY_MS
from loyalty.policy import Misconduct
from online_models.findings import Judged
from online_models.rarity import Rarity, rarity_score
from online_models.sightings import CONDUCT_NAMES, CONDUCT_TABLE, Conduct

# The paper's tree count is 25; ten rank the same here and cost 20 microseconds. The seed only has to stay the same.
_TREES, _HEIGHT, _WINDOW, _SEED = 10, 6, 250, 11

# Rates enter the trees as logarithms, scaled so that 22,000 is 1.
_SCALE = 0.1

# A rate is high where no more than one in 500 is as high.
_HIGH_SHARE = 0.002

# Scores of the trees lie close below 1: their distance from it, as a ratio, spreads them over the steps of `Rarity`.
_FINE = 10.0

_MOST = 1_000
_HOLD_AGAIN_MS = DAY_MS
_COPIES_KEPT_MS = 30 * DAY_MS

KEPT_MEMBERS: Final = 50_000
"""Members under suspicion, pardoned or copying that are remembered, the latest ones; about 10 MB."""


class _Case(NamedTuple):
    """What is remembered of a member: the score when it was highest, when, and whether points are held for it."""

    score: int = 0
    scored_ms: int = 0
    held_ms: int | None = None
    pardoned_until_ms: int = 0
    copies: tuple[int, ...] = ()


class _Common(TypedDict):
    """What every verdict on a sighting says."""

    member: str
    partition: int
    rates: tuple[tuple[str, int], ...]


class ConductWatch:
    """Judges conduct, sighting by sighting."""

    def __init__(self, kept_members: int = KEPT_MEMBERS) -> None:
        self._kept_members = kept_members
        self._trees = anomaly.HalfSpaceTrees(n_trees=_TREES, height=_HEIGHT, window_size=_WINDOW, seed=_SEED)
        self._loneliness = Rarity()
        self._rates = tuple(Rarity() for _ in CONDUCT_NAMES)
        self._cases: dict[str, _Case] = {}
        self._now_ms = 0
        self.seen = 0

    def copied(self, member: str, log_time_ms: int) -> None:
        """Note that a member's review was a copy of another's."""
        case = self._cases.get(member, _Case())
        copies = (*(at_ms for at_ms in case.copies if at_ms > log_time_ms - _COPIES_KEPT_MS), log_time_ms)
        self._keep(member, case._replace(copies=copies[-10:]))

    def judge(self, conduct: Conduct, partition: int, log_time_ms: int, rules: Misconduct) -> Iterator[Judged]:
        """Score a sighting, learn from it, and yield the verdict that it leads to, if any."""
        if conduct.table != CONDUCT_TABLE:
            return  # made by another version of the rates
        now_ms = self._now_ms = max(self._now_ms, log_time_ms)
        case = self._cases.get(conduct.member, _Case())
        if conduct.pardoned:
            pardon_ms = now_ms + rules.pardon_days * DAY_MS
            self._keep(conduct.member, _Case(pardoned_until_ms=pardon_ms))
            return
        score, reason = self._score(conduct, case, now_ms, rules)
        faded = round(case.score * 0.5 ** ((now_ms - case.scored_ms) / (rules.fade_days * DAY_MS)))
        if score >= faded:
            case = case._replace(score=score, scored_ms=now_ms)
        verdict = None
        if score >= rules.hold_score_from and case.pardoned_until_ms <= now_ms:
            if case.held_ms is None or now_ms - case.held_ms >= _HOLD_AGAIN_MS:
                verdict = Judged(**_common(conduct, partition), verdict="hold", score=score, reason=reason)
                case = case._replace(held_ms=now_ms)
        elif case.held_ms is not None and max(score, faded) < rules.release_score:
            calm = f"the score has fallen to {max(score, faded)}"
            verdict = Judged(**_common(conduct, partition), verdict="release", score=max(score, faded), reason=calm)
            case = case._replace(held_ms=None)
        if (
            case.held_ms is not None
            or case.copies
            or case.pardoned_until_ms > now_ms
            or case.score >= rules.release_score
        ):
            self._keep(conduct.member, case)
        if verdict is not None:
            yield verdict

    def _keep(self, member: str, case: _Case) -> None:
        self._cases.pop(member, None)
        self._cases[member] = case
        if len(self._cases) > self._kept_members:
            del self._cases[next(iter(self._cases))]

    def _score(self, conduct: Conduct, case: _Case, now_ms: int, rules: Misconduct) -> tuple[int, str]:
        """The score and the reason for it; learns the rates meanwhile."""
        shares = [rarity.share_from(value) for rarity, value in zip(self._rates, conduct.sums, strict=True)]
        inputs = {
            name: min(1.0, _SCALE * log1p(value)) for name, value in zip(CONDUCT_NAMES, conduct.sums, strict=True)
        }
        lonely = _FINE / max(1e-6, 1.0 - float(self._trees.score_one(inputs)))
        score = rarity_score(self._loneliness.share_from(lonely)) if self.seen >= rules.min_sightings else 0
        self._learn(conduct, inputs, lonely)
        rarest = min(range(len(shares)), key=shares.__getitem__)
        if shares[rarest] > _HIGH_SHARE:
            score = 0
        broken = _broken_rule(conduct, case, now_ms, rules)
        if broken is not None:
            return _MOST, broken
        return (
            score,
            f"{CONDUCT_NAMES[rarest]} is {conduct.sums[rarest]}, as in one sighting of {round(1 / shares[rarest])}",
        )

    def _learn(self, conduct: Conduct, inputs: dict[str, float], lonely: float) -> None:
        self.seen += 1
        self._trees.learn_one(inputs)
        self._loneliness.add(lonely)
        for rarity, value in zip(self._rates, conduct.sums, strict=True):
            rarity.add(value)


def _common(conduct: Conduct, partition: int) -> _Common:
    """What every verdict on a sighting says."""
    rates = tuple((name, value) for name, value in zip(CONDUCT_NAMES, conduct.sums, strict=True) if value)
    return _Common(member=conduct.member, partition=partition, rates=rates)


def _broken_rule(conduct: Conduct, case: _Case, now_ms: int, rules: Misconduct) -> str | None:
    """Which limit of the policy the member is over; those of new members are half as high."""
    rates = dict(zip(CONDUCT_NAMES, conduct.sums, strict=True))
    is_young = now_ms - conduct.joined_ms < rules.young_days * DAY_MS
    limits = {
        "activity_count_1h": rules.actions_per_hour,
        "review_count_24h": rules.reviews_per_day,
        "share_count_24h": rules.shares_per_day,
        "referral_count_7d": rules.referrals_per_week,
    }
    for name, limit in limits.items():
        allowed = (limit + 1) // 2 if is_young else limit
        if rates[name] > allowed:
            return f"{name} is {rates[name]}, over the limit of {allowed}"
    copies = sum(at_ms > now_ms - _COPIES_KEPT_MS for at_ms in case.copies)
    if copies >= rules.copies_from:
        return f"{copies} copied reviews in 30 days"
    return None

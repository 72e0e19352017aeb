"""Waves: more discontent in a span of time than the usual rate explains, about one subject or in all.

The usual rate of a subject is learned from spans that have passed, the newest left out, so that a wave does not hide
itself. The count of a span is compared with a Poisson count of that rate, as in early-warning systems for outbreaks
(Farrington et al. 1996, "A statistical algorithm for the early detection of outbreaks"); a subject's rate is not taken
to be below one per month, or the first two complaints ever would be a wave. After an alert the subject must fall below
the line before it can raise another.
"""

from collections import deque
from math import exp, lgamma, log
from typing import NamedTuple

from features.event_time import DAY_MS, HOUR_MS

EVERYTHING = ""
"""The subject that stands for all opinions together."""

# Chance of so many in a span of the usual rate: a subject with a span a day is mistaken once in 270 years.
_CHANCE = 1e-5

# The usual rate forgets by half in four weeks, and is at least one discontent a month.
_HALF_LIFE_MS = 28 * DAY_MS
_LEAST_PER_MS = 1.0 / (30 * DAY_MS)

KEPT_SUBJECTS = 2_000
"""Subjects remembered, the latest ones; with their newest discontents about 10 MB."""

_KEPT_IN_SPAN = 200


class Limits(NamedTuple):
    """What makes a wave, from the policy: the span, the least number, and how many times the usual."""

    span_ms: int
    least: int
    times: float


class Complaint(NamedTuple):
    """A discontented opinion: when, by whom, and the example that carried it."""

    time_ms: int
    member: str
    example: str
    stars: int
    excerpt: str


class Rise(NamedTuple):
    """A wave: the complaints in the span, their number (older ones may be left out), and the usual number."""

    subject: str
    from_ms: int
    until_ms: int
    number: int
    usual: float
    complaints: tuple[Complaint, ...]


class _Subject:
    """One subject: the complaints in the span, and the faded count of those before it."""

    def __init__(self, now_ms: int) -> None:
        self.recent: deque[Complaint] = deque(maxlen=_KEPT_IN_SPAN)
        self.faded = 0.0
        self.observed_ms = 0.0
        self.faded_at_ms = now_ms
        self.alerted = False

    def pass_to(self, now_ms: int, span_ms: int) -> None:
        """Move what has left the span to the usual rate, and let that fade."""
        elapsed_ms = max(0, now_ms - self.faded_at_ms)
        share = 0.5 ** (elapsed_ms / _HALF_LIFE_MS)
        self.faded *= share
        self.observed_ms = self.observed_ms * share + elapsed_ms
        self.faded_at_ms += elapsed_ms
        while self.recent and self.recent[0].time_ms <= now_ms - span_ms:
            self.recent.popleft()
            self.faded += 1.0

    def usual(self, span_ms: int) -> float:
        """Complaints to be expected in a span."""
        before_ms = self.observed_ms - span_ms
        rate = self.faded / before_ms if before_ms > span_ms else 0.0
        return max(rate, _LEAST_PER_MS) * span_ms


def tail_chance(count: int, mean: float) -> float:
    """The chance of at least `count` where a Poisson count of this mean is usual.

    Example:
        >>> round(tail_chance(1, 1.0), 3), tail_chance(0, 1.0), tail_chance(30, 1.0) < 1e-20
        (0.632, 1.0, True)
    """
    if count <= 0:
        return 1.0
    if count > mean:  # few terms are needed, and none is lost to rounding
        term = exp(count * log(mean) - mean - lgamma(count + 1))
        total, number = term, count
        while term > total * 1e-12:
            number += 1
            term *= mean / number
            total += term
        return min(1.0, total)
    below = sum(exp(number * log(mean) - mean - lgamma(number + 1)) for number in range(count))
    return max(0.0, 1.0 - below)


class WaveWatch:
    """Watches subjects for waves of complaints."""

    def __init__(self) -> None:
        self._subjects: dict[str, _Subject] = {}
        self._now_ms = 0

    def update(self, subject: str, complaint: Complaint | None, time_ms: int, limits: Limits) -> Rise | None:
        """Count an opinion about a subject, a complaint or none; returns the wave that it makes, once per wave.

        Time does not run back: what comes late counts now.
        """
        self._now_ms = now_ms = max(self._now_ms, time_ms)
        state = self._subjects.pop(subject, None) or _Subject(now_ms)
        self._subjects[subject] = state  # last in the dict is last to be forgotten
        if len(self._subjects) > KEPT_SUBJECTS:
            del self._subjects[next(name for name in self._subjects if name != EVERYTHING)]
        state.pass_to(now_ms, limits.span_ms)
        if complaint is not None:
            state.recent.append(complaint._replace(time_ms=now_ms))
        count, usual = len(state.recent), state.usual(limits.span_ms)
        high = count >= limits.least and count >= limits.times * usual and tail_chance(count, usual) <= _CHANCE
        rises, state.alerted = high and not state.alerted, high
        if not rises:
            return None
        return Rise(subject, now_ms - limits.span_ms, now_ms, count, usual, tuple(state.recent))


def limits_of(wave_hours: int, wave_from: int, wave_times_bp: int) -> Limits:
    """The limits in the units of this module.

    Example:
        >>> limits_of(24, 8, 30_000)
        Limits(span_ms=86400000, least=8, times=3.0)
    """
    return Limits(wave_hours * HOUR_MS, wave_from, wave_times_bp / 10_000)

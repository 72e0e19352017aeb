"""Does the learned score widen gaps between groups? Scores of groups by income and age, at equal visits.

Visits are purchases of the last 90 days, in classes. Within each class a group's mean score is compared with the mean
of all members of the class; the disparity is the largest gap between two groups, in shares of the mean score, averaged
over the classes by their number of rows. Both scores are compared on the same rows, so only the ratio matters.
"""

from collections.abc import Mapping

import numpy as np

from benchmarks.evaluation.measures import Interval, intervals
from benchmarks.evaluation.rows import Floats, Ints, Rows
from online_models.examples import pseudonym

# Upper bounds of the classes of visits in 90 days: with fewer rows in a class than these, groups would be noise.
_VISITS = (2, 5, 9, 14, 22, 35)
_LEAST_ROWS = 100


def groups_of(rows: Rows, labels: Mapping[str, str]) -> tuple[Ints, Ints]:
    """Rows whose member has a label, and the number of that label, by member id."""
    numbers = {label: number for number, label in enumerate(sorted(set(labels.values())))}
    numbered = {pseudonym(member): numbers[label] for member, label in labels.items()}
    group = np.array([numbered.get(name, -1) for name in rows.members], dtype=np.int64)[rows.member]
    return np.flatnonzero(rows.reported & (group >= 0)), group


def known(rows: Rows, labels: Mapping[str, str]) -> bool:
    """Whether any reported row's member has a label."""
    return len(groups_of(rows, labels)[0]) > 0


def disparity(score: Floats, group: Ints, visits: Floats) -> float:
    """The largest gap between two groups at equal visits, as a share of the mean score.

    Example:
        >>> score, group = np.repeat([9.0, 11.0], 200), np.repeat([0, 1], 200)
        >>> round(disparity(score, group, np.ones(400)), 2)
        0.2
    """
    gaps, sizes = [], []
    for visited in np.unique(classes := np.searchsorted(_VISITS, visits)):
        inside = classes == visited
        means = [
            float(score[chosen].mean())
            for number in np.unique(group)
            if (chosen := inside & (group == number)).sum() >= _LEAST_ROWS
        ]
        if len(means) > 1 and (mean := float(score[inside].mean())) > 0:
            gaps.append((max(means) - min(means)) / mean)
            sizes.append(int(inside.sum()))
    return float(np.average(gaps, weights=sizes)) if gaps else 0.0


def compare(rows: Rows, labels: Mapping[str, str], resamples: int) -> dict[str, Interval]:
    """Disparity of the static score, of the learned one, and the difference, each with its interval."""
    labelled, group = groups_of(rows, labels)
    visits = rows.feature("purchase_count_90d")

    def of(score: Floats, at: Ints) -> float:
        return disparity(score[at], group[at], visits[at])

    return intervals(
        {
            "static": lambda at: of(rows.static_score, at),
            "learned": lambda at: of(rows.learned_score, at),
            "learned_minus_static": lambda at: of(rows.learned_score, at) - of(rows.static_score, at),
        },
        labelled,
        rows.member,
        resamples,
    )

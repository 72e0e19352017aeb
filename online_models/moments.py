"""Second moments of a stream of vectors, time effects removed, kept by group of members.

A regression needs only the cross products of its variables, so a stream is kept as one small matrix. Two things make
that matrix honest about loyalty data:

* **Time effects.** Vectors are centred within their week before they are added up, so a busy week, which lifts
  everybody's counts and everybody's spend, proves nothing about either.
* **Dependence.** Examples of one member overlap in time and are nothing like independent. Members are dealt into
  `GROUPS` groups by pseudonym; leaving one group out at a time (delete-a-group jackknife, Kott 2001, J. Official
  Statistics 17, 521-526) gives standard errors that hold whatever goes on within a member.

Arithmetic is element by element in the order of the stream, never a BLAS reduction, so that every machine gets the
same floats.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

GROUPS = 12

# Examples come in order of maturity, each partition at its own pace; a week's block is closed a week after it ended.
_OPEN_BLOCKS = 2

# What a week's moments still weigh one week later: half after about 34 weeks, so that old seasons fade.
WEEKLY_MEMORY = 0.98

# Added to the diagonal of a system before it is solved, as a share of it: columns that say the same share the effect.
_RIDGE = 1e-6


class BlockMoments:
    """Cross products of `width` variables, centred by block, by group.

    Example:
        >>> moments = BlockMoments(2)
        >>> for block in (0, 1, 2):
        ...     for i in range(24):
        ...         moments.add(block, i % GROUPS, [float(i), 3.0 * i + 100.0 * block])
        >>> moments.close()
        >>> slope, error = moments.regress([0], 1)
        >>> round(float(slope[0]), 3), round(float(error[0]), 3)
        (3.0, 0.0)
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self.examples = 0
        self.skipped = 0
        self._centred: Floats = np.zeros((GROUPS, width, width))
        self._open: dict[int, Floats] = {}
        self._newest = -(2**62)

    def add(self, block: int, group: int, values: list[float], weight: float = 1.0) -> None:
        """Add one vector, which counts `weight` times. One whose block is closed already is counted as skipped."""
        moments = self._open.get(block)
        if moments is None:
            if block <= self._newest - _OPEN_BLOCKS:
                self.skipped += 1
                return
            moments = self._open_block(block)
        row = np.array([1.0, *values])
        of_group = moments[group]  # a view; `moments[group] +=` would write it back once more
        of_group += outer(row if weight == 1.0 else row * weight, row)
        self.examples += 1

    def _open_block(self, block: int) -> Floats:
        self._newest = max(self._newest, block)
        for old in sorted(self._open):
            if old <= self._newest - _OPEN_BLOCKS:
                self._close(self._open.pop(old))
        moments = self._open[block] = np.zeros((GROUPS, self.width + 1, self.width + 1))
        return moments

    def close(self) -> None:
        """Close all open blocks, as at the end of a history."""
        for block in sorted(self._open):
            self._close(self._open.pop(block))

    def _close(self, moments: Floats) -> None:
        """Centre a block around its own means and add it to the total."""
        total = _sum_first(moments)
        mean = total[0, 1:] / total[0, 0]
        count, sums, products = moments[:, :1, :1], moments[:, 0, 1:], moments[:, 1:, 1:]
        cross = sums[:, :, None] * mean[None, None, :]
        centred = products - cross - np.swapaxes(cross, 1, 2) + count * np.multiply.outer(mean, mean)
        self._centred *= WEEKLY_MEMORY
        self._centred += centred

    def forget(self, share: float) -> None:
        """Keep only `share` of what was learned, as after a drift."""
        self._centred *= share

    def variance_sum(self, column: int) -> float:
        """Sum of squares of a column around its blocks' means."""
        return float(_sum_first(self._centred)[column, column])

    def spread(self, factors: Sequence[float], given: int) -> float:
        """Variance, times the examples, of the first columns' weighted sum that column `given` does not explain.

        Example:
            >>> moments = BlockMoments(3)
            >>> for i in range(24):
            ...     moments.add(0, i % GROUPS, [float(i), float(i % 2), 2.0 * i])
            >>> moments.close()
            >>> round(moments.spread([1.0, 0.0], given=2), 3), round(moments.spread([5.0, 1.0], given=2), 1)
            (0.0, 6.0)
        """
        total = _sum_first(self._centred)
        weighted, along, own = 0.0, 0.0, float(total[given, given])
        for i, left in enumerate(factors):
            along += left * float(total[i, given])
            for j, right in enumerate(factors):
                weighted += left * right * float(total[i, j])
        return weighted - along * along / own if own > 0.0 else weighted

    def regress(self, columns: list[int], target: int) -> tuple[Floats, Floats]:
        """Least squares of column `target` on `columns`: coefficients and their jackknife standard errors."""
        total = _sum_first(self._centred)
        systems = np.concatenate((total[None], total[None] - self._centred))
        left = systems[:, columns][:, :, columns].copy()
        diagonal = np.arange(len(columns))
        left[:, diagonal, diagonal] *= 1.0 + _RIDGE
        solved = solve(left, systems[:, columns, target])
        spread = solved[1:] - solved[0]
        return solved[0], np.sqrt(_sum_first(spread * spread) * ((GROUPS - 1) / GROUPS))


def solve(left: Floats, right: Floats) -> Floats:
    """Solve each symmetric, positive system `left[i] @ x[i] = right[i]`; a column without any variance gets 0.

    Gauss-Jordan elimination, element by element: systems are at most some tens wide, and LAPACK's order of summation
    differs between machines.
    """
    left, right = left.copy(), right.copy()
    for pivot in range(left.shape[1]):
        diagonal = left[:, pivot, pivot]
        empty = diagonal <= 0.0
        factor = np.where(empty, 0.0, 1.0 / np.where(empty, 1.0, diagonal))
        row = left[:, pivot, :] * factor[:, None]
        value = right[:, pivot] * factor
        column = left[:, :, pivot].copy()
        column[:, pivot] = 0.0
        left -= column[:, :, None] * row[:, None, :]
        right -= column * value[:, None]
        left[:, pivot, :] = row
        right[:, pivot] = value
    return right


def outer(left: Floats, right: Floats) -> Floats:
    """Every product of two vectors' elements, each rounded once: `np.multiply.outer` at half of its time.

    BLAS multiplies a column by a row; with one term for each element there is nothing to sum in any order. The method
    `dot`, here and in the learners, has half the overhead of `@`, which is more than vectors of 30 take to multiply.

    Example:
        >>> outer(np.array([1.0, 2.0]), np.array([3.0, 4.0, 5.0])).tolist()
        [[3.0, 4.0, 5.0], [6.0, 8.0, 10.0]]
    """
    product: Floats = left[:, None].dot(right[None])
    return product


def _sum_first(array: Floats) -> Floats:
    """Sum over the first axis, one after the other."""
    total: Floats = array[0].copy()
    for part in array[1:]:
        total += part
    return total

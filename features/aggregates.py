"""Mergeable buckets: sparse sums of integers by measure index. Zero sums are not kept, so a bucket stays small.

Merging is addition, which is commutative and associative: in whatever order actions arrive and buckets are merged,
the sums are the same.
"""

Amounts = tuple[tuple[int, int], ...]
"""`(measure index, value)` pairs of one action; values are not negative."""

Bucket = dict[int, int]
"""Measure index -> sum."""


def merge(into: Bucket, other: Bucket) -> None:
    """Add every sum of `other` to `into`.

    >>> bucket = {1: 2}
    >>> merge(bucket, {1: 3, 4: 1})
    >>> bucket
    {1: 5, 4: 1}
    """
    for measure, value in other.items():
        into[measure] = into.get(measure, 0) + value


def take(bucket: Bucket, measure: int, value: int) -> int:
    """Subtract up to `value` from one sum, never below zero; return what was taken.

    >>> bucket = {1: 2, 4: 1}
    >>> take(bucket, 1, 3), take(bucket, 9, 1), bucket
    (2, 0, {4: 1})
    """
    held = bucket.get(measure, 0)
    if held > value:
        bucket[measure] = held - value
        return value
    if held:
        del bucket[measure]
    return held

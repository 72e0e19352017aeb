"""How good a ranked list is."""

from collections.abc import Collection, Sequence
from math import log2


def ndcg(ranked: Sequence[str], wanted: Collection[str]) -> float:
    """Normalised discounted cumulative gain of a list: 1 where what is wanted stands at its head, 0 where none does.

    Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", ACM TOIS, with gains of 0 and 1.

    Example:
        >>> ndcg(["a", "b"], {"a", "b"}), ndcg(["a", "b"], {"c"}), round(ndcg(["a", "b"], {"b"}), 3)
        (1.0, 0.0, 0.631)
    """
    gain = sum(1.0 / log2(place + 2) for place, item in enumerate(ranked) if item in wanted)
    ideal = sum(1.0 / log2(place + 2) for place in range(min(len(ranked), len(wanted))))
    return gain / ideal if ideal else 0.0

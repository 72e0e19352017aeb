"""`python -m benchmarks.text [--reviews FILE]`: test-then-train AUC of what is learned from text, into out/text.json.

Each text is judged before it is learned. The batch model is scikit-learn's logistic regression on the same hashed
tokens, fitted anew at each fifth of the stream on all that came before; so the figures leave out the first fifth.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from benchmarks.text.reviews import LabelledReview, chinese_reviews, file_reviews
from online_models import words
from online_models.contract import Inputs
from online_models.sentiment import CONTENT_STARS, DISCONTENT_STARS, SparseLogistic
from online_models.words import BUCKETS, form_inputs, inputs_of_tokens, tokens_of

_FIFTHS = 5
# Of 1, 10 and 100 the best for the batch model on Chinese; English differs by 0.001.
_INVERSE_PENALTY = 10.0

Row = tuple[Inputs, int]


def measure(rows: Sequence[Row]) -> dict[str, float | int]:
    """AUC of the online and the batch model after the first fifth, and microseconds per text to predict and learn."""
    learner = SparseLogistic()
    started = time.process_time()
    online = []
    for inputs, label in rows:
        online.append(learner.predict(inputs))
        learner.learn(inputs, float(label))
    micros = 1e6 * (time.process_time() - started) / len(rows)
    labels = np.array([label for _, label in rows])
    first = len(rows) // _FIFTHS
    return {
        "texts": len(rows),
        "positive_share": round(float(labels.mean()), 3),
        "auc_online": round(float(roc_auc_score(labels[first:], online[first:])), 4),
        "auc_batch": round(float(roc_auc_score(labels[first:], _batch(rows, labels)[first:])), 4),
        "online_us": round(micros),
    }


def _batch(rows: Sequence[Row], labels: np.ndarray) -> np.ndarray:
    """Predictions of the batch model; nothing for the first fifth."""
    columns, values, starts = [], [], [0]
    dense: dict[str, int] = {}
    for inputs, _ in rows:
        for name, value in inputs.items():
            columns.append(dense.setdefault(name, len(dense)))
            values.append(value)
        starts.append(len(columns))
    matrix = csr_matrix((values, columns, starts), shape=(len(rows), min(len(dense), BUCKETS + 64)))
    predicted = np.zeros(len(rows))
    cuts = [len(rows) * fifth // _FIFTHS for fifth in range(1, _FIFTHS + 1)]
    for start, stop in pairwise(cuts):
        model = LogisticRegression(C=_INVERSE_PENALTY, max_iter=500).fit(matrix[:start], labels[:start])
        predicted[start:stop] = model.predict_proba(matrix[start:stop])[:, 1]
    return predicted


def sentiment_rows(reviews: Sequence[LabelledReview], tokens: Callable[[str], list[str]] = tokens_of) -> list[Row]:
    """Inputs and whether the writer is content; texts that say neither are left out."""
    return [
        (inputs_of_tokens(tokens(review.text)), int(review.stars >= CONTENT_STARS))
        for review in reviews
        if review.stars >= CONTENT_STARS or review.stars <= DISCONTENT_STARS
    ]


def quality_rows(reviews: Sequence[LabelledReview]) -> list[Row]:
    """Inputs and whether anybody found the review helpful."""
    return [
        (words.word_inputs(review.text) | form_inputs(review.text), int(review.helpful_votes > 0))
        for review in reviews
        if review.helpful_votes is not None
    ]


def _segmented() -> Callable[[str], list[str]] | None:
    """The words of a Chinese segmenter, where rjieba is installed: what characters are compared with."""
    if find_spec("rjieba") is None:
        return None
    import rjieba  # noqa: PLC0415 - for comparison only, and optional

    return lambda text: [word for word in rjieba.cut(text.lower(), False) if word.strip()]  # noqa: FBT003 - its interface


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.text")
    parser.add_argument("--reviews", type=Path, help="JSON Lines with rating, title, text, helpful_yes and time")
    parser.add_argument("--out", type=Path, default=Path("out/text.json"))
    arguments = parser.parse_args()
    distinct = chinese_reviews(distinct=True)
    report = {"sentiment, Chinese": measure(sentiment_rows(distinct))}
    segmented = _segmented()
    if segmented is not None:
        report["the same with the words of a segmenter"] = measure(sentiment_rows(distinct, segmented))
    report["sentiment, Chinese, copies left in"] = measure(sentiment_rows(chinese_reviews(distinct=False)))
    if arguments.reviews is not None:
        reviews = file_reviews(arguments.reviews)
        report["sentiment, file"] = measure(sentiment_rows(reviews))
        report["quality, file"] = measure(quality_rows(reviews))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for name, figures in report.items():
        print(f"{name}: {figures}")  # noqa: T201 - this is the output


if __name__ == "__main__":
    main()

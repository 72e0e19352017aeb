"""Batch models in the course of time: fitted every 28 days, and as they are in between.

A refit knows every row whose label had arrived by its time, all features of the table and as much time as it likes.
Rows before the first refit are learned from, not predicted.
"""

from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.evaluation.rows import Flags, Floats, Rows
from features.event_time import DAY_MS

REFIT_DAYS = 28

Fitted = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats], Fitted]
"""Fit a model to features and a target; what it returns predicts from features."""


def refit(rows: Rows, target: Floats, fit: Fit) -> Floats:
    """Predictions of a model that is fitted every `REFIT_DAYS` on the labels that have arrived."""
    varied = rows.features.std(axis=0) > 0
    features = rows.features[:, varied].astype(np.float64)
    predictions = np.full(len(features), np.nan)
    for start_ms, asked in _spans(rows):
        known = rows.log_time_ms < start_ms
        predictions[asked] = fit(features[known], target[known])(features[asked])
    return predictions


def _spans(rows: Rows) -> Iterator[tuple[int, Flags]]:
    start_ms = rows.cut_ms
    while start_ms <= int(rows.moment_ms.max()):
        end_ms = start_ms + REFIT_DAYS * DAY_MS
        asked: Flags = (rows.moment_ms >= start_ms) & (rows.moment_ms < end_ms)
        if asked.any():
            yield start_ms, asked
        start_ms = end_ms

"""The reference of measures and features as a page, made from their declarations.

`python -m features.reference docs/features.md` writes it; a test holds the checked-in page to the declarations.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from features.table import FEATURES, MEASURES, OWN_ACTIONS, WINDOWS, Window

_HEAD = """# Measures, windows and features

Made from `features/table.py` by `python -m features.reference docs/features.md`; change it there.

Everything here is an integer. Amounts are in minor units of the programme's currency (`minor`), times in milliseconds.

## Windows

A window ends with the bucket that holds `as_of`, the latest event time seen of the member (or a later instant that
is asked for); it covers that bucket and the ones before it, as many as fit its length. Buckets are half-open,
`[start, end)`, and cut in UTC. A late event counts in the windows that still cover its own bucket; a refund is taken
out of the bucket of its purchase.
"""

_MEASURES = """
## Measures

Sums over the member's actions. The number is the measure's place in stored rows, so the list only grows at its end.
*Own actions* are what the member does on purpose: {own}.
"""

_FEATURES = """
## Features

The feature vector, in this order. Features without a window are times and ratios, derived from the sums.
"""


def render() -> str:
    """The page, in Markdown.

    >>> render().splitlines()[0]
    '# Measures, windows and features'
    """
    windows = (
        (window.name, _span(window), "-" if window.bucket_ms is None else f"{window.bucket_ms:,}") for window in WINDOWS
    )
    measures = (
        (str(number), f"`{name}`", unit, _actions(sources), meaning)
        for number, (name, unit, sources, meaning) in enumerate(MEASURES)
    )
    features = (
        (str(number), f"`{name}`", unit, window or "-", _actions(sources), meaning)
        for number, (name, unit, window, sources, meaning) in enumerate(FEATURES)
    )
    return "".join(
        (
            _HEAD,
            _table(("window", "length, ms", "bucket, ms"), windows),
            _MEASURES.format(own=_listed(OWN_ACTIONS)),
            _table(("number", "measure", "unit", "from", "meaning"), measures),
            _FEATURES,
            _table(("place", "feature", "unit", "window", "from", "meaning"), features),
        )
    )


def _span(window: Window) -> str:
    return "everything" if window.length_ms is None else f"{window.length_ms:,}"


def _actions(sources: tuple[str, ...]) -> str:
    return "own actions" if sources == OWN_ACTIONS else _listed(sources)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, tuple("---" for _ in head), *rows)
    return "\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")

"""`python -m streams.histories --out FILE`: write the households' actions of the Complete Journey data to a file."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from features.errors import HistoryError
from streams.histories.complete_journey import Selection, read_actions
from streams.histories.files import write_lines

FAILED = 1
FIRST_YEAR = 2017
MONTHS_IN_YEAR = 12


def main(arguments: list[str] | None = None) -> int:
    """Write the file; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m streams.histories",
        description=__doc__,
        epilog="example: python -m streams.histories --out out/actions.jsonl.gz --households 300 --months 2",
    )
    parser.add_argument("--out", type=Path, required=True, help="a .jsonl or .jsonl.gz file")
    parser.add_argument("--households", type=int, default=None, help="how many households (default: all 2,469)")
    parser.add_argument("--months", type=int, default=None, help="how many months of 2017 (default: all)")
    options = parser.parse_args(arguments)
    until_ms = None if options.months is None else month_end_ms(options.months)
    encoder = msgspec.json.Encoder()
    try:
        selected = read_actions(Selection(households=options.households, until_ms=until_ms))
        count = write_lines(options.out, (encoder.encode(action) for action in selected))
    except HistoryError as failure:
        print(failure, file=sys.stderr)  # noqa: T201 - the answer of a command
        return FAILED
    print(f"{options.out}: {count:,} actions")  # noqa: T201 - the answer of a command
    return 0


def month_end_ms(months: int) -> int:
    """The end of the first so many months of the data, ms UTC.

    Example:
        >>> month_end_ms(2) == int(datetime(2017, 3, 1, tzinfo=UTC).timestamp() * 1_000)
        True
    """
    end = datetime(FIRST_YEAR + months // MONTHS_IN_YEAR, months % MONTHS_IN_YEAR + 1, 1, tzinfo=UTC)
    return int(end.timestamp()) * 1_000


if __name__ == "__main__":
    sys.exit(main())

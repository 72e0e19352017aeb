"""`python -m benchmarks COMMAND`: run contenders in turn, print a table, put the figures into out/bench/report.json.

Runs are interleaved: every round runs each contender once, and ratios are taken within a round.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.rounds import BROKERLESS, CONTENDERS, run_rounds

DEFAULT_COUNT = 20_000
DEFAULT_ROUNDS = 3


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog="example: python -m benchmarks engine plain_faust --workload lines --count 20000 --rounds 3",
    )
    known = [*BROKERLESS, *CONTENDERS]
    parser.add_argument("contenders", nargs="*", default=known, help=f"any of {', '.join(known)} (default: all)")
    parser.add_argument("--workload", choices=["baskets", "lines"], default="lines", help="which actions")
    parser.add_argument("--count", type=int, default=DEFAULT_COUNT, help=f"how many (default {DEFAULT_COUNT})")
    parser.add_argument("--rounds", type=int, default=DEFAULT_ROUNDS, help=f"how often (default {DEFAULT_ROUNDS})")
    parser.add_argument("--out", type=Path, default=Path("out/bench/report.json"), help="where figures go")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.contenders if name not in known]
    if unknown:
        parser.error(f"no such contender: {', '.join(unknown)}; there are {', '.join(known)}")
    run_rounds(options.contenders, options.workload, options.count, options.rounds, options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())

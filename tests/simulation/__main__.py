"""Run seeds: `python -m tests.simulation --seeds 10000`, or one of them with its trace: `--seed 42`."""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor

from tests.simulation.run import Outcome, run, shrink

_SEEDS_AT_ONCE = 10


def main() -> int:
    """Run what was asked for; the exit code tells whether all was right."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1_000, help="how many seeds to run")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at a time")
    parser.add_argument("--seed", type=int, help="run only this one and print its trace")
    options = parser.parse_args()
    if options.seed is not None:
        outcome = run(options.seed)
        sys.stdout.write(f"{outcome if outcome.is_right else shrink(outcome)}\n")
        return 0 if outcome.is_right else 1
    started = time.perf_counter()
    failing: list[Outcome] = []
    seeds = range(options.first, options.first + options.seeds)
    with ProcessPoolExecutor(options.processes) as pool:
        for outcome in pool.map(run, seeds, chunksize=_SEEDS_AT_ONCE):
            if not outcome.is_right:
                failing.append(outcome)
                sys.stdout.write(f"seed {outcome.seed}: {outcome.wrong[0][:200]}\n")
    took = time.perf_counter() - started
    if failing:
        sys.stdout.write(f"\n{shrink(failing[0])}\n\n")
    rate = 60 * options.seeds / took
    sys.stdout.write(f"{options.seeds} seeds, {len(failing)} failing, {rate:.0f} a minute\n")
    return 1 if failing else 0


if __name__ == "__main__":
    sys.exit(main())

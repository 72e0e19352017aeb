"""Measure, part by part, and put the figures into a report; figures of parts that are not run stay.

Each part runs in a process of its own, and one that fails does not keep the others from running.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.parts import PARTS, Scale, run_part
from benchmarks.plot import write_plot
from benchmarks.report import read_report
from benchmarks.throughput import BROKERLESS, CONTENDERS

_OUT = Path("out/bench/report.json")
_PART_S = 900.0  # three times what the longest part takes on a quiet machine
_EXAMPLE = """examples:
  python -m benchmarks                                     everything, 20 minutes on two quiet cores
  python -m benchmarks --only lines,latency                two of the parts
  python -m benchmarks --only lines --contenders limit,engine --count 20000 --rounds 1
  python -m benchmarks --quick                             ratios only, under a minute"""


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", default="", help=f"parts, separated by commas: {', '.join(PARTS)}")
    parser.add_argument("--contenders", default="", help=f"of the throughput parts: {', '.join(_known())}")
    parser.add_argument("--count", type=int, default=0, help="actions of the throughput parts")
    parser.add_argument("--rounds", type=int, default=0, help="rounds of the throughput parts")
    parser.add_argument("--quick", action="store_true", help="few contenders, once, on little")
    parser.add_argument("--out", type=Path, default=_OUT, help=f"the report (default {_OUT})")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else ["quick"] if options.quick else list(PARTS)
    contenders = options.contenders.split(",") if options.contenders else []
    unknown = [name for name in names if name not in {*PARTS, "quick"}]
    unknown += [name for name in contenders if name not in _known()]
    if unknown:
        parser.error(f"no such part or contender: {', '.join(unknown)}")
    if options.in_process:
        run_part(names[0], Scale(contenders, options.count, options.rounds), options.out, _say)
        return 0
    failed = [name for name in names if not _run_apart(name, options)]
    if options.out.exists():
        write_plot(read_report(options.out), options.out.with_suffix(".svg"))
    _say(f"failed: {', '.join(failed)}" if failed else f"figures are in {options.out}")
    return 1 if failed else 0


def _known() -> list[str]:
    return [*BROKERLESS, *CONTENDERS]


def _run_apart(name: str, options: argparse.Namespace) -> bool:
    started = time.monotonic()
    command = [sys.executable, "-m", "benchmarks", "--in-process", "--only", name, "--out", str(options.out)]
    command += ["--contenders", options.contenders, "--count", str(options.count), "--rounds", str(options.rounds)]
    # A group of its own, so that workers and readers end with a part that takes too long; brokers have a guard.
    with subprocess.Popen(command, start_new_session=True) as part:  # noqa: S603 - ourselves
        try:
            code: int | str = part.wait(_PART_S)
        except subprocess.TimeoutExpired:
            code = "too slow"
        finally:
            if part.poll() is None:
                os.killpg(part.pid, signal.SIGKILL)
    _say(f"-- {name}: {f'failed ({code}) after ' if code else ''}{time.monotonic() - started:.0f} s")
    return not code


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the answer of a command


if __name__ == "__main__":
    sys.exit(main())

"""`python -m tests.chaos --seed 1 --minutes 15`: a fault campaign on three real brokers; see docs/reliability.md."""

import argparse
import signal
import sys
import time
from pathlib import Path

import msgspec

from streams.recording import record_topic, recording_path
from streams.topics import TopicKind
from tests.chaos.campaign import Order, folder_of, judge, run
from tests.chaos.report import make_report, write_report
from tests.chaos.stage import Stage, set_up

_RECORDED: tuple[TopicKind, ...] = ("actions", "points", "tier-changes", "notifications", "examples", "weights")


def main() -> int:
    """Run a campaign; the exit code tells whether every promise was kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="draws history and faults")
    parser.add_argument("--minutes", type=float, default=20.0, help="how long the load lasts")
    parser.add_argument("--actions", type=int, default=1_000_000, help="how many different actions")
    parser.add_argument("--faults", type=int, default=60, help="how many faults")
    parser.add_argument("--out", type=Path, default=Path("out/chaos"), help="where report and logs go")
    options = parser.parse_args()
    # From here on a signal is an ordinary exit: every `with` stops what it has started.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    order = Order(options.seed, options.actions, options.faults, 60 * options.minutes)
    began = time.monotonic()
    with set_up(folder_of(options.out, order.seed), f"chaos{order.seed}") as stage:
        ran = run(stage, order)
        judging = time.monotonic()
        found = judge(stage, ran)
        ended = time.monotonic()
        report = make_report(order, ran, found, ended - began, ended - judging)
        if not report.ok:
            _keep(stage)
    write_report(folder_of(options.out, order.seed) / "report.json", report)
    write_report(options.out / "report.json", report)
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(report), indent=2).decode() + "\n")
    return 0 if report.ok else 1


def _keep(stage: Stage) -> None:
    """Record what the brokers hold, to look into it afterwards."""
    for kind in _RECORDED:
        record_topic(stage.settings, kind, recording_path(stage.folder, kind))
    stage.journal.say(f"the topics are recorded in {stage.folder}")


if __name__ == "__main__":
    sys.exit(main())

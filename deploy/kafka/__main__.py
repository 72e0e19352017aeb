"""`python -m deploy.kafka --brokers 1|3 [--folder F]`: run a cluster until interrupted.

Prints the bootstrap addresses on the first line of standard output, then waits for SIGINT or SIGTERM.
"""

import argparse
import signal
import sys
from pathlib import Path

from deploy.kafka.launcher import ALLOWED_SIZES, KafkaCluster, prepare
from features.errors import BrokerError

FAILED = 1


def main(arguments: list[str] | None = None) -> int:
    """Run the cluster; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m deploy.kafka", description=__doc__)
    parser.add_argument("--brokers", type=int, choices=ALLOWED_SIZES, default=1, help="how many brokers (default 1)")
    parser.add_argument("--folder", type=Path, default=None, help="keep the data here (default: a temporary folder)")
    parser.add_argument("--prepare", action="store_true", help="fetch what is missing and end")
    options = parser.parse_args(arguments)
    # From here on either signal is an ordinary exit, also while brokers are starting: `with` stops what runs.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: sys.exit(128 + received))
    try:
        if options.prepare:
            print(prepare())  # noqa: T201 - the answer of a command
            return 0
        with KafkaCluster(brokers=options.brokers, folder=options.folder) as cluster:
            print(cluster.bootstrap, flush=True)  # noqa: T201 - the answer of a command
            signal.pause()
    except BrokerError as failure:
        print(failure, file=sys.stderr)  # noqa: T201 - the answer of a command
        return FAILED
    return 0


if __name__ == "__main__":
    sys.exit(main())

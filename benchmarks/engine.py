"""Contender: Tierstream itself, one worker process as in production, with a meter in its folds."""

import sys

from benchmarks.contender import Meter, read_task
from benchmarks.metered import MeteredFold
from streams.app import run_worker
from streams.logs import configure_logs


def main() -> None:
    """Work off the log of the task; ends the process."""
    task = read_task(sys.argv)
    settings = task.settings()
    configure_logs(settings.log_level)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    run_worker(settings, new_fold=MeteredFold.factory(task, Meter(task)))


if __name__ == "__main__":
    main()

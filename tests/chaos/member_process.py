"""`python -m tests.chaos.member_process worker|trainer`: the product's process, with traps at named points.

A worker passes the steps of its commits (`streams.commit.Step`), told to the hook that it offers. A trainer passes
`learned` (a version is due), `appended` (a record of it is acknowledged: the version itself, then one per partition),
`published` (the version is in its topic, and nowhere else) and `saved` (the checkpoint is on disk).
"""

import os
import resource
import sys
from pathlib import Path

import msgspec

from streams.app import build_app, run_app, run_trainer
from streams.commit import Step
from streams.logs import configure_logs
from streams.metrics import Metrics
from streams.settings import Settings
from streams.topic_admin import TopicAdmin
from tests.chaos.clocks import follow_clock
from tests.chaos.orphans import end_with_parent
from tests.chaos.traps import Trapped

CLOCK_FILE = "CHAOS_CLOCK_FILE"
FILE_LIMIT = "CHAOS_FILE_LIMIT_BYTES"


def worker(settings: Settings, trapped: Trapped) -> None:
    """Run a worker whose topics keep the producer's time, though it ticks itself."""

    def hook(step: Step, _partition: int) -> None:
        trapped.passes(step)

    TopicAdmin(msgspec.structs.replace(settings, ticker="off")).verify()
    run_app(build_app(settings, Metrics(), hook=hook))


def trainer(settings: Settings, trapped: Trapped) -> None:
    """Run a trainer that passes its points."""
    # river takes seconds to load, and workers never learn.
    from tests.chaos.trainer_points import tell_points  # noqa: PLC0415 - see above

    tell_points(trapped.passes)
    run_trainer(settings)


def main() -> None:
    """Run what the command line names."""
    end_with_parent()
    limit = int(os.environ.get(FILE_LIMIT, "0"))
    if limit:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
    settings = Settings.load(
        None, {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}
    )
    folder: Path = settings.data_dir.parent
    configure_logs("info")
    follow_clock(folder, Path(os.environ[CLOCK_FILE]))
    {"worker": worker, "trainer": trainer}[sys.argv[1]](settings, Trapped(folder))


if __name__ == "__main__":
    main()

"""A worker process with the toy fold: `python -m tests.support.toy_worker`, settings from the environment.

`TOY_FAULT` is `kill:STEP:N`, `stop:STEP:N` or `raise:STEP:N`: what happens the N-th time a commit reaches a step.
"""

import os
import signal
from collections import Counter

from streams.app import run_worker
from streams.commit import Step, StepHook
from streams.logs import configure_logs
from streams.settings import Settings
from tests.support.toy_fold import ToyFold

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


class PlannedError(Exception):
    """A bug, as planned."""


def fault_hook(plan: str) -> StepHook:
    """A hook that does as planned to this process, "" for nothing."""
    what, _, when = plan.partition(":")
    planned_step, _, times = when.partition(":")
    seen: Counter[str] = Counter()

    def hook(step: Step, _partition: int) -> None:
        seen[step] += 1
        if step == planned_step and seen[step] == int(times):
            if what == "raise":
                raise PlannedError(plan)
            os.kill(os.getpid(), _SIGNALS[what])

    return hook


if __name__ == "__main__":
    configure_logs("info")
    run_worker(
        Settings.load(None, {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}),
        new_fold=ToyFold,
        hook=fault_hook(os.environ.get("TOY_FAULT", "")),
    )

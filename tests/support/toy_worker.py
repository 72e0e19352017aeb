"""A worker process with the toy fold: `python -m tests.support.toy_worker`, settings from the environment.

`TOY_CRASH=step:n` kills it (SIGKILL) the n-th time a commit reaches a step.
"""

import os
import signal
from collections import Counter

from streams.app import run_worker
from streams.commit import Step, StepHook
from streams.logs import configure_logs
from streams.settings import Settings
from tests.support.toy_fold import ToyFold


def crash_hook(plan: str) -> StepHook:
    """A hook that kills this process as planned, "" for never."""
    step_to_crash, _, times = plan.partition(":")
    seen: Counter[str] = Counter()

    def hook(step: Step, _partition: int) -> None:
        seen[step] += 1
        if step == step_to_crash and seen[step] == int(times):
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


if __name__ == "__main__":
    configure_logs("info")
    run_worker(
        Settings.load(None, {name: value for name, value in os.environ.items() if name.startswith("TIERSTREAM_")}),
        new_fold=ToyFold,
        hook=crash_hook(os.environ.get("TOY_CRASH", "")),
    )

"""The shell under small disasters by the thousand: what is delivered and stored is what the log says."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.run import run, shrink

SEEDS = 1_000
NIGHTLY_SEEDS = 20_000
CHUNK = 50


def _run_all(first: int, count: int) -> None:
    for seed in range(first, first + count):
        outcome = run(seed)
        if not outcome.is_right:
            pytest.fail(str(shrink(outcome)), pytrace=False)


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_every_seed_keeps_the_promises(first: int) -> None:
    _run_all(first, CHUNK)


@pytest.mark.nightly
@pytest.mark.parametrize("first", range(SEEDS, SEEDS + NIGHTLY_SEEDS, 10 * CHUNK))
def test_every_seed_of_the_night_keeps_the_promises(first: int) -> None:
    _run_all(first, 10 * CHUNK)


def test_a_seed_is_the_same_run_again() -> None:
    assert run(3) == run(3)


def test_a_seed_is_the_same_run_in_every_process(repository: Path) -> None:
    code = "from tests.simulation.run import run\nfor seed in range(5): print(seed, run(seed).steps)"
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.split("\n")[:-1] == [f"{seed} {run(seed).steps}" for seed in range(5)]


def test_faults_are_more_than_the_runs_can_shrug_off() -> None:
    traces = "\n".join("\n".join(run(seed).trace) for seed in range(20))
    for sign in ("given up for dead", "ends itself", "hit at step", "generation 5"):
        assert sign in traces

"""Each protection of the shell, taken away: the simulation finds out within a few seeds."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from tests.simulation import sabotage
from tests.simulation.faults import Fault, Kind, draw_faults
from tests.simulation.run import run, shrink

_CRASHES: tuple[Kind, ...] = ("kill", "kill_soon", "kill_at_step")
_LATE: tuple[Kind, ...] = ("pause_at_step", "pause", "deafen")


@dataclass(frozen=True)
class Trial:
    """A sabotage, and faults that it cannot stand."""

    sabotage: sabotage.Sabotage
    kinds: tuple[Kind, ...]
    workers: float = 1.0
    seeds: int = 150

    def faults(self, seed: int) -> Sequence[Fault]:
        """Faults of these kinds alone, and more of them."""
        return draw_faults(random.Random(f"trial {seed}"), self.kinds, self.workers, most=10)


TRIALS = (
    Trial(sabotage.state_in_pieces, _CRASHES),
    Trial(sabotage.outputs_after_state, _CRASHES),
    Trial(sabotage.outputs_not_awaited, (*_CRASHES, "cut")),
    Trial(sabotage.store_before_changelog, (*_CRASHES, "cut")),
    Trial(sabotage.acknowledged_before_commit, _CRASHES),
    Trial(sabotage.commits_side_by_side, _CRASHES),
    Trial(sabotage.marks_not_checked, ("stale_fetch",)),
    Trial(sabotage.jumps_believed, ("stale_fetch",)),
    Trial(sabotage.last_row_wins, _LATE),
    Trial(sabotage.late_rows_stay, _LATE),
    Trial(sabotage.overtaken_writers_go_on, _LATE),
    Trial(sabotage.changelog_not_read_to_its_end, _CRASHES),
    Trial(sabotage.local_store_trusted, _CRASHES),
    Trial(sabotage.effects_taken_as_they_come, _CRASHES),
    Trial(sabotage.examples_counted_as_they_come, _CRASHES),
    Trial(sabotage.holes_passed_over, ("stale_fetch",), workers=0.0),
    Trial(sabotage.weights_written_out_once, ("kill_at_step",), workers=0.0),
    Trial(sabotage.offset_written_before_its_rows, ("power_failure",)),
    Trial(sabotage.checkpoint_ahead_of_its_trainer, _CRASHES, workers=0.0),
)


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.sabotage.__name__)
def test_a_protection_that_is_missing_is_found_out(trial: Trial) -> None:
    with trial.sabotage():
        found = next((seed for seed in range(trial.seeds) if not run(seed, trial.faults(seed)).is_right), None)
    assert found is not None
    assert run(found, trial.faults(found)).is_right


def test_a_failing_run_is_told_with_as_few_faults_as_it_takes() -> None:
    with sabotage.outputs_after_state():
        failing = next(outcome for seed in range(60) if not (outcome := run(seed)).is_right)
        smallest = shrink(failing)
        for fault in smallest.faults:
            assert run(failing.seed, [other for other in smallest.faults if other is not fault]).is_right
    assert len(smallest.faults) < len(failing.faults)
    assert str(smallest).startswith(f"seed {failing.seed}:")
    assert "never delivered" in str(smallest)

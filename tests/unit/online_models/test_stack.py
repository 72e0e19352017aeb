"""The value stack: tested as of its own time, better than the naive forecast, right in total, renewed after a drift."""

from itertools import islice

from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES, feature_index
from online_models.evaluation import ValueScore, ratio_bp
from online_models.inputs import LAST_MONTH, FlatScore, model_inputs, model_row, persistence_minor, root
from online_models.rows import Row
from online_models.stack import Prediction, Sheet, ValueStack
from tests.support.outcomes import World, outcomes

HORIZON_DAYS = 30


def _score(world: World) -> ValueScore:
    stack, score = ValueStack(HORIZON_DAYS), ValueScore()
    for outcome in outcomes(world):
        inputs = model_inputs(outcome.features)
        predicted = stack.learn(
            Row.of(inputs), outcome.label_spend_minor, outcome.predicted_at_ms, outcome.matured_at_ms
        )
        if predicted is not None:
            naive = persistence_minor(outcome.features, HORIZON_DAYS)
            score.update(predicted, naive, outcome.label_spend_minor)
    return score


def test_the_stack_beats_the_naive_forecast_and_gets_the_total_right() -> None:
    figures = _score(World(members=300, months=20)).figures()

    assert figures.recent_mae_over_naive_bp < 9_000
    assert 9_000 < figures.predicted_over_realised_bp < 11_000


def test_an_example_is_predicted_by_the_sheet_of_its_own_time() -> None:
    """The test that would catch a leak of later learning into earlier predictions."""
    stack = ValueStack(HORIZON_DAYS)
    sheets: list[Sheet] = []
    for outcome in islice(outcomes(World(members=40, months=12)), 300):
        inputs = model_inputs(outcome.features)
        in_force = [sheet for sheet in sheets if sheet.log_time_ms <= outcome.predicted_at_ms]
        log_time_ms = outcome.matured_at_ms
        if not sheets or log_time_ms // DAY_MS > sheets[-1].log_time_ms // DAY_MS:
            sheets.append(stack.sheet_now(log_time_ms))

        predicted = stack.learn(Row.of(inputs), outcome.label_spend_minor, outcome.predicted_at_ms, log_time_ms)

        assert predicted == (in_force[-1].predict(inputs) if in_force else None)


def test_sheets_reach_back_a_horizon_and_the_lag_of_a_log_and_no_further() -> None:
    stack = ValueStack(HORIZON_DAYS)
    for day in range(100):
        stack.learn(Row.of({"one": 1.0}), 100, day * DAY_MS, day * DAY_MS)

    assert stack.sheet_at(67 * DAY_MS) is not None
    assert stack.sheet_at(66 * DAY_MS) is None


def test_an_example_that_is_read_a_day_late_is_still_judged() -> None:
    stack = ValueStack(HORIZON_DAYS)
    for hour in range(24 * 40):
        log_time_ms = hour * DAY_MS // 24
        moment_ms = log_time_ms - (HORIZON_DAYS + 1) * DAY_MS
        judged = stack.learn(Row.of({"one": 1.0}), 100, moment_ms, log_time_ms) is not None

        assert judged == (moment_ms >= 0)


def test_before_anything_was_tested_persistence_speaks() -> None:
    sheet = ValueStack(HORIZON_DAYS).sheet_now(0)

    assert sheet.mix == (1.0, 0.0, 0.0)
    assert sheet.predict({LAST_MONTH: 3.0}) == Prediction(3.0, 900, 900)


def test_the_flattened_stack_is_the_stack() -> None:
    stack = ValueStack(HORIZON_DAYS)
    rows = list(outcomes(World(members=60, months=12)))
    for outcome in rows:
        row = model_row(outcome.features)
        stack.learn(row, outcome.label_spend_minor, outcome.predicted_at_ms, outcome.matured_at_ms)
    sheet = stack.sheet_now(0)
    flat = sheet.flat()

    for outcome in rows[-20:]:
        inputs = model_inputs(outcome.features)
        if min(sheet.roots(Row.of(inputs).under(sheet.names))) > 0.0:  # a learner's negative root counts as none
            value = sum(coefficient * inputs[name] for name, coefficient in flat.items())
            assert abs(value - sheet.predict(inputs).root) < 1e-9
            assert abs(FlatScore(flat)(outcome.features) - value) < 1e-9


def test_after_a_drift_fresh_learners_take_over_and_are_as_good_as_new() -> None:
    """Everybody spends thrice as much from one day on: 2,000 examples after the alarm the error is a fresh stack's."""
    shifted = list(outcomes(World(members=300, months=30, shift_month=12)))
    after = [outcome for outcome in shifted if outcome.predicted_at_ms >= 12 * 30 * DAY_MS]
    renewed, fresh = ValueStack(HORIZON_DAYS), ValueStack(HORIZON_DAYS)
    for outcome in shifted:
        inputs = model_inputs(outcome.features)
        if outcome is after[0]:
            renewed.renew()
        renewed.learn(Row.of(inputs), outcome.label_spend_minor, outcome.predicted_at_ms, outcome.matured_at_ms)
    for outcome in after:
        inputs = model_inputs(outcome.features)
        fresh.learn(Row.of(inputs), outcome.label_spend_minor, outcome.predicted_at_ms, outcome.matured_at_ms)

    def error(stack: ValueStack) -> float:
        sheet = stack.sheet_now(0)
        return sum(
            abs(sheet.predict(model_inputs(outcome.features)).typical_minor - outcome.label_spend_minor)
            for outcome in after[-1_000:]
        )

    assert error(renewed) < 1.1 * error(fresh)


def test_the_naive_forecast_follows_the_horizon() -> None:
    features = next(outcomes(World(members=1))).features

    assert persistence_minor(features, 60) == 2 * persistence_minor(features, 30)
    assert root(-1.0) == 0.0
    assert ratio_bp(1.0, 0.0) == 0


def test_the_flat_score_takes_sums_below_zero_as_nothing() -> None:
    """More may have been given back within a window than was spent in it."""
    score = FlatScore({"spend_minor_30d": 0.5, "one": 2.0})
    vector = [0] * len(FEATURE_NAMES)
    vector[feature_index("spend_minor_30d")] = -1_600
    assert score(vector) == 2.0

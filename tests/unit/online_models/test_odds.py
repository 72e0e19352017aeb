"""Chances: better than the static rule where there is something to learn, the rule itself where there is not."""

from hashlib import blake2b

from features.event_time import DAY_MS
from features.vector import FEATURE_NAMES, feature_index
from online_models.contract import Inputs
from online_models.habits import habit_inputs, static_input
from online_models.mixed_stack import MixedSheet
from online_models.odds import probability
from online_models.odds_model import OddsModel
from online_models.odds_stack import OddsStack
from online_models.rows import Row

HORIZON_DAYS = 30
HOUR_MS = DAY_MS // 24


def _draw(number: int, what: str) -> float:
    """An even number from 0 to 1, the same one every time."""
    digest = blake2b(f"{what}/{number}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


def _inputs(number: int) -> Inputs:
    features = [0] * len(FEATURE_NAMES)
    features[feature_index("purchase_count_90d")] = number % 13
    features[feature_index("purchase_count_all")] = number % 13
    features[feature_index("recency_purchase_ms")] = int(_draw(number, "silence") * 60 * DAY_MS)
    features[feature_index("tenure_days")] = 200
    return habit_inputs(features)


def _run(model: OddsModel, examples: range, chance_of: dict[str, float]) -> None:
    """Teach outcomes whose log-odds are linear in some inputs, a horizon late."""
    for number in examples:
        inputs = _inputs(number)
        truth = sum(weight * inputs[name] for name, weight in chance_of.items())
        happened = int(_draw(number, "outcome") < probability(truth))
        log_time_ms = number * HOUR_MS
        model.learn(Row.of(inputs), happened, log_time_ms - HORIZON_DAYS * DAY_MS, log_time_ms)


def test_learners_find_what_the_static_rule_does_not_know() -> None:
    model = OddsModel(7, HORIZON_DAYS)
    _run(model, range(8_000), {"silence": -0.8, "one": 2.0})
    figures = model.figures()

    assert not figures.falls_back
    assert figures.loss_micro < 0.8 * figures.static_loss_micro
    assert (
        abs(figures.predicted_share_ppm - figures.realised_share_ppm) < 50_000
    )  # the first month, when the rule answers alone, is in it


def test_where_the_static_rule_is_right_the_stack_hardly_differs_from_it() -> None:
    model = OddsModel(7, HORIZON_DAYS)
    _run(model, range(8_000), {static_input(7): 1.0})
    figures = model.figures()

    assert figures.loss_micro < 1.02 * figures.static_loss_micro


def test_the_static_rule_answers_until_the_learners_were_judged() -> None:
    stack = OddsStack(7, HORIZON_DAYS)
    inputs = _inputs(5)

    assert stack.predict(stack.sheet_now(), inputs) == probability(inputs[static_input(7)])


def test_after_a_change_the_rule_answers_until_fresh_learners_are_better() -> None:
    model = OddsModel(7, HORIZON_DAYS)
    _run(model, range(8_000), {"silence": -0.8, "one": 2.0})
    before = model.drift.alarms
    was_falling_back = False
    for start in range(8_000, 20_000, 500):  # all of a sudden, those who were silent come back
        _run(model, range(start, start + 500), {"silence": 0.8, "one": -4.0})
        was_falling_back |= model.stack.falls_back

    assert model.drift.alarms > before
    assert was_falling_back
    assert not model.stack.falls_back


def test_an_example_is_judged_by_the_sheet_of_its_own_time() -> None:
    """The test that would catch a leak of later learning into earlier chances."""
    model = OddsModel(7, HORIZON_DAYS)
    stack = model.stack
    sheets: list[tuple[int, MixedSheet]] = []
    for number in range(0, 2_000, 20):
        inputs, log_time_ms = _inputs(number), number * HOUR_MS
        moment_ms = log_time_ms - HORIZON_DAYS * DAY_MS
        if not sheets or log_time_ms // DAY_MS > sheets[-1][0] // DAY_MS:
            sheets.append((log_time_ms, stack.sheet_now()))
        in_force = [sheet for written_ms, sheet in sheets if written_ms <= moment_ms]

        chance = model.learn(Row.of(inputs), number // 20 % 2, moment_ms, log_time_ms)

        assert chance == (stack.predict(in_force[-1], inputs) if in_force else None)

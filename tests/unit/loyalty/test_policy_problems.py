"""Every problem of a policy is found, with its path, and what the engine cannot do is refused rather than ignored."""

import pytest

from features.errors import PolicyError
from loyalty.policy import parse_policy
from tests.support.member_desk import policy_of

RULE = '[[earning]]\nid = "r"\naction = "purchase"\npoints = 1\n'
WAITS = 'pending_until = "delivery"\npending_limit_days = 5\n'
TIERS = '[tiers]\nbasis = "spend"\nladder = [{ id = "a", threshold = 0 }, { id = "b", threshold = 10 }]\n'


def problems(text: str) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        policy_of(text)
    return list(caught.value.problems)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        # fields
        ("colour = 1", "programme.colour: unknown; known here: name"),
        ('[points]\npending_days = "14"', "points.pending_days: Expected `int`, got `str`"),
        ("[input]\nlateness_days = -1", "input.lateness_days: Expected `int` >= 0"),
        (RULE.replace('"r"', '"R 1"'), "earning[R 1].id: Expected `str` matching regex"),
        (RULE + "points_ = 1", "earning[r].points_: unknown"),
        ("earning = [1]", "programme.earning: unknown"),
        ("[tiers]\nladder = [1]", "tiers.ladder[0]: must be a table"),
        # not supported
        (RULE + "budget = 5", "earning[r].budget: not supported: only a campaign has a budget"),
        (RULE + "streak = { per = 'day', length = 3 }\nper_minor = 5", "earning[r].streak: its award is a fixed one"),
        (
            '[[milestones]]\nid = "m"\nmeasure = "smiles"\ntarget = 1\npoints = 1',
            "milestones[m].measure: there is no measure `smiles`",
        ),
        # references
        (RULE.replace("purchase", "refund"), "earning[r].action: there is no action `refund`; there are: "),
        (RULE + 'segments = ["x"]', "earning[r].segments: there is no segment `x`; there are: none"),
        (RULE + 'tiers = ["c"]\n' + TIERS, "earning[r].tiers: there is no tier `c`; there are: a, b"),
        (RULE + RULE, "earning[r]: given 2 times"),
        (TIERS.replace('"b"', '"a"'), "tiers.ladder[a]: given 2 times"),
        # conditions on what is not there
        (RULE.replace("purchase", "login") + "per_minor = 5", "earning[r].per_minor, amount_over_minor"),
        (RULE + "per_ms = 5", "earning[r].per_ms and day_over_ms: only browsing has a duration"),
        (RULE + "rating_from = 5", "earning[r].rating_from, text_from and helpful_from: only reviews have"),
        (RULE + "original = true", "earning[r].original: only reviews have a text"),
        (RULE.replace("purchase", "login") + 'items = ["x"]', "earning[r].categories and items: login has no items"),
        (RULE.replace("purchase", "share") + 'categories = ["x"]', "earning[r].categories: share has no category"),
        (
            RULE.replace("purchase", "browse") + "per_ms = 5\nday_over_ms = 6",
            "earning[r].per_ms and day_over_ms: give one",
        ),
        (RULE + 'unit = "qualifying"', "earning[r].unit: qualifying units count for nothing"),
        (RULE + 'caps = [{ per = "day" }]', "earning[r].caps[day]: give either points or times"),
        (RULE + 'caps = [{ per = "day", points = 1, times = 1 }]', "earning[r].caps[day]: give either points or times"),
        # waiting for an action
        (RULE + 'pending_until = "delivery"', "earning[r].pending_until and pending_limit_days: give both"),
        (RULE + "pending_limit_days = 5", "earning[r].pending_until and pending_limit_days: give both"),
        (
            RULE + WAITS.replace("delivery", "refund"),
            "earning[r].pending_until: there is no action to wait for `refund`",
        ),
        (
            RULE.replace("purchase", "login") + WAITS,
            "earning[r].pending_until: a delivery is that of an order, and login",
        ),
        (
            RULE.replace("purchase", "review") + WAITS.replace("delivery", "login") + "original = true",
            "earning[r].pending_until: not with original",
        ),
        (
            RULE + WAITS + "[input]\nrefund_horizon_days = 4",
            "earning[r].pending_limit_days: an order's delivery is known",
        ),
        (
            RULE + WAITS + "pending_days = 6\nexpiry = { kind = 'after_days', days = 10 }",
            "earning[r].expiry.kind: points could expire before they leave pending after 11 days",
        ),
        # expiry
        ('[points]\nexpiry = { kind = "after_days" }', "points.expiry.days: must be at least 1 for after_days"),
        ('[points]\nexpiry = { kind = "never", days = 5 }', "points.expiry.kind: points that never expire"),
        (
            '[points]\nexpiry = { kind = "end_of_year", days = 5 }',
            "points.expiry.days: is for after_days and inactivity",
        ),
        (
            '[points]\nexpiry = { kind = "after_days", days = 5, after_months = 1 }',
            "points.expiry.after_months: is for end_of_month",
        ),
        (
            '[points]\npending_days = 30\nexpiry = { kind = "end_of_month", after_months = 1 }',
            "points.expiry.kind: points could expire before they leave pending after 30 days",
        ),
        (
            '[points]\nexpiry = { kind = "after_days", days = 5 }\n' + RULE + "pending_days = 6",
            "earning[r].pending_days against points.expiry.kind: points could expire",
        ),
        (
            RULE + 'expiry = { kind = "inactivity", days = 5 }',
            "earning[r].expiry.kind: inactivity ends all points together",
        ),
        # tiers
        (TIERS.replace("threshold = 0", "threshold = 5"), "tiers.ladder[a].threshold: everyone starts here"),
        (TIERS.replace("threshold = 10", "threshold = 0"), "tiers.ladder[b].threshold: must be over a's 0"),
        ('[tiers]\nbasis = "spend"\nladder = []', "tiers.ladder: needs at least the tier that everyone starts in"),
        (TIERS.replace("spend", "score"), "tiers.score: basis `score` needs at least one term"),
        (
            TIERS + '[[tiers.score]]\nmeasure = "spend_minor"\nweight = 1\nper = 1',
            "tiers.score: basis `spend` has no score",
        ),
        (
            TIERS.replace("spend", "score") + '[[tiers.score]]\nmeasure = "money"\nweight = 1\nper = 1',
            "tiers.score: there is no measure `money`",
        ),
        (
            TIERS.replace("spend", "score") + '[[tiers.score]]\nmeasure = "spend_minor"\nweight = 1',
            "tiers.score[spend_minor]: give per, cap or both",
        ),
        (TIERS + 'window = "lifetime"\ngrace_days = 5', "tiers.grace_days: a lifetime window has no cycle"),
        (TIERS + 'window = "rolling_months"\ngrace_days = 40', "tiers.grace_days: must be at most 28"),
        (TIERS + 'window = "decade"', "tiers.window: Invalid enum value 'decade'"),
        # segments, campaigns, rewards, currencies
        ('[[segments]]\nid = "s"\nbounds = []', "segments[s].bounds: must name at least one feature"),
        (
            '[[segments]]\nid = "s"\nbounds = [{ feature = "x", below = 1 }]',
            "segments[s].bounds: there is no feature `x`",
        ),
        (
            '[[segments]]\nid = "s"\nbounds = [{ feature = "tenure_days" }]',
            "segments[s].bounds[tenure_days]: give at_least, below or both",
        ),
        (
            '[[segments]]\nid = "s"\nbounds = [{ feature = "tenure_days", at_least = 5, below = 5 }]',
            "segments[s].bounds[tenure_days]: at_least must be less than below",
        ),
        (
            '[[campaigns]]\nid = "c"\nstart = 2017-01-01T00:00:00Z\nend = 2017-01-01T00:00:00Z',
            "campaigns[c].end: must be after start",
        ),
        (
            '[[campaigns]]\nid = "c"\nstart = 2017-01-01T00:00:00Z\nend = 2017-01-02T00:00:00Z',
            "campaigns[c].multiplier_bp: changes nothing",
        ),
        (
            '[[campaigns]]\nid = "c"\nstart = 2017-01-01T00:00:00\nend = 2017-01-02T00:00:00Z\nbonus = 1',
            "campaigns[c].start: Expected `datetime` with a timezone component",
        ),
        (
            (
                '[[rewards]]\nid = "x"\nkind = "goods"\nprice = 1\n'
                "start = 2017-01-02T00:00:00Z\nend = 2017-01-01T00:00:00Z"
            ),
            "rewards[x].end: must be after start",
        ),
        ("rates_ppm = { USD = 5 }", "programme.rates_ppm.USD: the programme's own currency has rate 1000000"),
        # holds and extensions
        (
            '[[holds]]\nid = "h"\nby = "anomaly"\ndays = 1\nkinds = ["fraud"]',
            "holds[h].by: the misconduct score knows neither kinds nor severity_from",
        ),
        (
            '[[holds]]\nid = "h"\nby = "anomaly"\ndays = 1\nscore_from = 1_001',
            "holds[h].score_from: the misconduct score is at most 1000",
        ),
        ('[[holds]]\nid = "h"\ndays = 1\ncancels = true', "holds[h].cancels: is for holds by anomaly"),
        (
            '[points]\nexpiry = { kind = "end_of_year" }\nextension = { actions = ["dance"], days = 5 }',
            "points.extension.actions: there is no action `dance`",
        ),
        (
            '[points]\nexpiry = { kind = "inactivity", days = 9 }\nextension = { actions = ["login"], days = 5 }',
            "points.extension.days: no points have a date that could be moved",
        ),
    ],
)
def test_each_problem_is_named_with_its_path(text: str, problem: str) -> None:
    assert any(found.startswith(problem) for found in problems(text)), problems(text)


def test_all_problems_of_several_fields_are_told_at_once() -> None:
    text = RULE + 'segments = ["x"]\nrating_from = 3\ncaps = [{ per = "day" }]\n' + TIERS.replace("= 10", "= 0")
    assert len(problems(text)) == 4


def test_text_that_is_not_toml_is_a_problem_with_its_line() -> None:
    with pytest.raises(PolicyError, match=r"p.toml: 1 problem\n  not TOML: .*line 2"):
        parse_policy("format = 1\nx = = 2", "p.toml")


def test_a_policy_is_a_value() -> None:
    assert policy_of(RULE) == policy_of(RULE)
    with pytest.raises(AttributeError):
        policy_of(RULE).points.pending_days = 3  # type: ignore[misc]  # that it is refused is the point

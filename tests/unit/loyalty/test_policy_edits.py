"""What a new version of the policy may not change."""

import pytest

from loyalty.policy.edits import edit_problems
from tests.support.member_desk import policy_of

BEFORE = "point_scale = 10\n"


@pytest.mark.parametrize(
    ("after", "problems"),
    [
        (BEFORE + '[[earning]]\nid = "login"\naction = "login"\npoints = 1\n', []),
        ("point_scale = 1\n", ["programme.point_scale: is 10; balances that are there already are counted in it"]),
        ("", ["programme.point_scale: is 10; balances that are there already are counted in it"]),
    ],
)
def test_what_points_mean_stays(after: str, problems: list[str]) -> None:
    assert list(edit_problems(policy_of(BEFORE), policy_of(after))) == problems

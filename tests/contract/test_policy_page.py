"""The page on the policy file says what the sections say."""

from pathlib import Path

import msgspec

from loyalty.policy import Policy
from loyalty.policy.reference import render

PAGE = Path(__file__).parents[2] / "docs" / "policy.md"


def test_the_checked_in_page_is_what_the_sections_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python -m loyalty.policy.reference docs/policy.md"


def test_the_page_has_every_word_of_the_file() -> None:
    page = render()
    for field in msgspec.structs.fields(Policy):
        assert f"| `{field.name}` |" in page
    for heading in ("## `earning[]`", "## `earning[].caps[]`", "## `tiers.ladder[]`", "## `learning`"):
        assert heading in page

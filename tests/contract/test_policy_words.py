"""The page on the policy file says what the engine loads."""

from pathlib import Path

import msgspec

from loyalty.policy import EarningRule, Policy
from loyalty.policy.words import page


def test_the_checked_in_page_is_what_the_sections_say(repository: Path) -> None:
    stored = (repository / "docs" / "policy.md").read_text(encoding="utf-8")
    assert stored == page(), "run: python -m loyalty.policy.words > docs/policy.md"


def test_every_section_and_every_word_of_a_rule_is_on_it() -> None:
    text = page()
    for field in msgspec.structs.fields(Policy):
        assert field.name == "format" or f"[{field.name}]" in text
    for field in msgspec.structs.fields(EarningRule):
        assert f"| `{field.name}` |" in text

"""Every word of the policy file is shown at work by a case, with its arithmetic; so is every choice."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

from loyalty.policy.fields import Section
from loyalty.policy.loader import section_of
from loyalty.policy.model import Policy

HERE = Path(__file__).parent
SHARED = (HERE.parent / "streams" / "test_draws.py",)

# Sections that tell the trainer how to learn: no ledger decision reads them. Their cases are with its models.
TRAINERS = {"learning", "recommendations", "opinions", "misconduct"}

# Words without a case here, each with the reason.
ELSEWHERE = {
    "format": "the only format there is stands at the head of every case",
    "programme": "the section that every case begins with",
    "name": "what the programme is called",
    "label": "what people call it",
    "sweep_members_per_record": "when due work is done, not what: tests/property/test_due_index.py",
}


@cache
def cases() -> str:
    """All cases of the rules, and of what several members share; a line end written as such in a string is one."""
    files = [*sorted(HERE.glob("test_*.py")), *SHARED]
    texts = (path.read_text(encoding="utf-8") for path in files if path != Path(__file__))
    return "\n".join(texts).replace("\\n", "\n")


def sections(section: type[Section] = Policy) -> Iterator[type[Section]]:
    yield section
    for name, hint in get_type_hints(section, include_extras=True).items():
        inner = section_of(hint)
        if inner is not None and name not in TRAINERS:
            yield from sections(inner)


def choices(hint: object) -> Iterator[str]:
    """The words that may stand there."""
    if get_origin(hint) is Literal:
        yield from (each for each in get_args(hint) if isinstance(each, str))
    elif get_origin(hint) is Annotated:
        yield from choices(get_args(hint)[0])
    else:
        for part in get_args(hint):
            yield from choices(part)


KNOWN = {field.name for section in sections() for field in msgspec.structs.fields(section)}
KNOBS = sorted(KNOWN - set(ELSEWHERE) - TRAINERS)
CHOICES = sorted(
    {
        (name, choice)
        for section in sections()
        for name, hint in get_type_hints(section, include_extras=True).items()
        if name not in ELSEWHERE
        for choice in choices(hint)
    }
)


@pytest.mark.parametrize("knob", KNOBS)
def test_every_knob_has_a_case(knob: str) -> None:
    as_value, as_table = rf"\b{knob}\b\s*=", rf"\[{knob}\]|\.{knob}\]"
    assert re.search(f"{as_value}|{as_table}", cases()), f"`{knob}` is in no case"


@pytest.mark.parametrize(("knob", "choice"), CHOICES)
def test_every_choice_has_a_case(knob: str, choice: str) -> None:
    assert re.search(rf"[\"']{choice}[\"']", cases()), f"{knob} = {choice!r} is in no case"


def test_what_has_no_case_here_is_still_a_word_of_the_policy() -> None:
    assert set(ELSEWHERE) <= KNOWN
    assert TRAINERS <= KNOWN

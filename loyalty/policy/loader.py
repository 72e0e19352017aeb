"""TOML text -> `Policy`, or all that is wrong with it at once.

Each field is converted on its own, so that one mistake does not hide the next; what concerns several fields is checked
when every field is right by itself.
"""

import tomllib
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import msgspec

from features.errors import PolicyError
from loyalty.policy.checks import problems_of
from loyalty.policy.fields import Section
from loyalty.policy.model import Policy

# Words of the field that other engines know and this one refuses, rather than ignores, with the reason.
_NOT_SUPPORTED = {
    "budget": "only a campaign has a budget, as `budget_points`",
    "draw": "a draw is shared by members of several partitions, which takes effects between partitions",
}


def parse_policy(text: str, source: str) -> Policy:
    r"""Load a policy from TOML `text`; `source` names it in errors.

    Raises:
        PolicyError: with every problem found, each with its path in the file.

    Example:
        >>> policy = parse_policy('''
        ... format = 1
        ... [programme]
        ... name = "Corner shop"
        ... currency = "EUR"
        ... [tiers]
        ... basis = "spend"
        ... ladder = [{id = "member", threshold = 0}]
        ... ''', "corner.toml")
        >>> policy.input.lateness_days
        30
        >>> parse_policy('format = 1\n[programme]\ncurrency = "euro"', "bad.toml")
        Traceback (most recent call last):
        ...
        features.errors.PolicyError: bad.toml: 3 problems
          programme.currency: Expected `str` matching regex '^[A-Z]{3}$'
          programme.name: missing
          tiers: missing
    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(source, [f"not TOML: {error}"]) from error
    problems = list(_field_problems(Policy, tree, ""))
    if problems:
        raise PolicyError(source, problems)
    policy = msgspec.convert(tree, Policy)
    problems = list(problems_of(policy))
    if problems:
        raise PolicyError(source, problems)
    return policy


def _field_problems(section: type[Section], tree: dict[str, object], path: str) -> Iterator[str]:
    """What is wrong with the fields of one table, each by itself."""
    hints = get_type_hints(section, include_extras=True)
    known = {field.name: field for field in msgspec.structs.fields(section)}
    for name, value in tree.items():
        if name in known:
            yield from _value_problems(hints[name], value, path + name)
        elif name in _NOT_SUPPORTED:
            yield f"{path}{name}: not supported: {_NOT_SUPPORTED[name]}"
        else:
            yield f"{path}{name}: unknown; known here: {', '.join(known)}"
    for name, field in known.items():
        if field.required and name not in tree:
            yield f"{path}{name}: missing"


def _value_problems(hint: object, value: object, path: str) -> Iterator[str]:
    """What is wrong with one value; tables and lists of tables are looked into."""
    section = section_of(hint)
    if section is not None and isinstance(value, dict):
        yield from _field_problems(section, value, path + ".")
        return
    if section is not None and get_origin(hint) is tuple and isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict):
                name = item.get("id", index)
                yield from _field_problems(section, item, f"{path}[{name}].")
            else:
                yield f"{path}[{index}]: must be a table"
        return
    try:
        msgspec.convert(value, hint)
    except msgspec.ValidationError as error:
        yield f"{path}: {error}"


def section_of(hint: object) -> type[Section] | None:
    """The section type inside `Section`, `tuple[Section, ...]`, `Section | None` or an annotated one."""
    if isinstance(hint, type) and issubclass(hint, Section):
        return hint
    if get_origin(hint) in {tuple, Annotated, Union, UnionType}:
        for part in get_args(hint):
            if part is not NoneType and (inner := section_of(part)):
                return inner
    return None

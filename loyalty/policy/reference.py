"""The words of the policy file as a page, made from the typed sections.

`python -m loyalty.policy.reference docs/policy.md` writes it; a test holds the checked-in page to the sections.
"""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import inspect as types

from loyalty.policy.fields import Section
from loyalty.policy.model import Policy

_HEAD = """# The policy file

Made from `loyalty/policy/` by `python -m loyalty.policy.reference docs/policy.md`; change it there.

A programme is one TOML file. `tierstream check-config FILE` loads it and reports every problem at once, each with its
path in the file. An unknown word is a problem, not something to ignore. Presets that can be read as examples are in
[deploy/policies](../deploy/policies).

All numbers are integers: amounts in minor units of the programme's currency, factors and shares in basis points (10,000
is one), points in the smallest unit that `point_scale` sets.
"""


def render() -> str:
    """The page, in Markdown.

    >>> render().splitlines()[0]
    '# The policy file'
    """
    return _HEAD + "".join(_sections(Policy, ""))


def _sections(section: type[Section], path: str) -> Iterator[str]:
    """The text of a section and of those inside it; a list of sections has `[]` behind its name."""
    described = types.type_info(section)
    if not isinstance(described, types.StructType):
        return
    title = f"`{path}`" if path else "The file as a whole"
    rows = "".join(f"| `{field.name}` | {_kind(field.type)} | {_default(field)} |\n" for field in described.fields)
    yield f"\n## {title}\n\n{inspect.getdoc(section)}\n\n| word | value | default |\n|---|---|---|\n{rows}"
    for field in described.fields:
        inner, is_list = _inner(field.type)
        if inner is not None:
            yield from _sections(inner, f"{path}.{field.name}".lstrip(".") + ("[]" if is_list else ""))


def _inner(kind: types.Type) -> tuple[type[Section] | None, bool]:
    """The section that a field holds, and whether it holds a list of them."""
    if isinstance(kind, types.UnionType):
        return next((found for part in kind.types if (found := _inner(part))[0] is not None), (None, False))
    if isinstance(kind, types.VarTupleType):
        return _inner(kind.item_type)[0], True
    if isinstance(kind, types.StructType) and issubclass(kind.cls, Section):
        return kind.cls, False
    return None, False


def _kind(kind: types.Type) -> str:  # noqa: PLR0911 - one answer for each kind of value
    """What a field may hold, in a few words."""
    match kind:
        case types.IntType(ge=low, le=high):
            return "integer" if low is None and high is None else f"{_bound(low)} to {_bound(high)}"
        case types.LiteralType(values=values):
            return ", ".join(f"`{value}`" for value in values)
        case types.UnionType(types=parts):
            return " or ".join(_kind(part) for part in parts if not isinstance(part, types.NoneType))
        case types.VarTupleType(item_type=item):
            return f"list of {_kind(item)}"
        case types.DictType(key_type=key, value_type=value):
            return f"table of {_kind(key)} to {_kind(value)}"
        case types.StructType():
            return "section"
        case types.BoolType():
            return "`true` or `false`"
        case types.DateTimeType():
            return "instant with offset"
        case _:
            return "text"


def _bound(value: int | None) -> str:
    return "any" if value is None else f"{value:,}"


def _default(field: types.Field) -> str:  # noqa: PLR0911 - one answer for each kind of default
    if field.required:
        return "required"
    default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    match default:
        case None | ():
            return "none"
        case bool():
            return f"`{str(default).lower()}`"
        case int():
            return f"{default:,}"
        case tuple():
            return ", ".join(f"`{value}`" for value in default)
        case Section() | dict():
            return "its defaults" if default else "none"
        case _:
            return f"`{default}`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(), encoding="utf-8")

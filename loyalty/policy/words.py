r"""The words of the policy file as a page, made from the typed sections themselves, so that it cannot go stale.

`python -m loyalty.policy.words > docs/policy.md` writes it; a test holds the checked-in page to this.
"""

import sys
from collections.abc import Iterator
from datetime import datetime
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

import msgspec

from loyalty.policy.fields import Section
from loyalty.policy.loader import section_of
from loyalty.policy.model import Policy

_HEAD = """# The words of the policy file

A policy is one TOML file; examples are in `deploy/policies/`. This page is made from the sections that the engine loads
(`python -m loyalty.policy.words > docs/policy.md`). Unknown words and impossible values are refused, all at once, each
with its place: `tierstream check-config`.

Points are in the smallest unit (`programme.point_scale`), money in minor units, rates in basis points (`_bp`: 10,000 is
one), times with an offset. Each knob is shown at work, with its arithmetic, in `tests/unit/loyalty/`.

A changed file becomes the next version for workers that go on running, at one event time in all partitions, by
`tierstream policy publish FILE --effective-from INSTANT`. Currency and point scale stay what they were.
"""

_KINDS: dict[type, str] = {int: "whole number", str: "text", bool: "true or false", datetime: "time with an offset"}


def page() -> str:
    """The page, in Markdown.

    Example:
        >>> "## `[tiers]`" in page(), "| `pending_days` |" in page()
        (True, True)
    """
    parts = [_HEAD]
    seen: set[type[Section]] = set()
    for field in msgspec.structs.fields(Policy):
        hint = get_type_hints(Policy, include_extras=True)[field.name]
        section = section_of(hint)
        if section is not None:
            name = f"[[{field.name}]]" if get_origin(hint) is tuple else f"[{field.name}]"
            parts.extend(_section(name, section, seen))
    return "\n".join(parts)


def _section(name: str, section: type[Section], seen: set[type[Section]]) -> Iterator[str]:
    """A section and those inside it, each once."""
    if section in seen:
        return
    seen.add(section)
    yield f"## `{name}`\n"
    yield cleandoc(section.__doc__ or "") + "\n"
    yield "| word | value | default |"
    yield "|---|---|---|"
    inner: list[tuple[str, type[Section]]] = []
    hints = get_type_hints(section, include_extras=True)
    for field in msgspec.structs.fields(section):
        below = section_of(hints[field.name])
        if below is not None:
            inner.append((field.name, below))
        yield f"| `{field.name}` | {_value(hints[field.name])} | {_default(field)} |"
    yield ""
    for word, below in inner:
        yield from _section(f"{name.strip('[]')}.{word}", below, seen)


def _value(hint: object) -> str:
    """What may stand there, in words."""
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        words = _value(args[0]) + _bounds(args[1:])
    elif origin is Literal:
        words = " or ".join(f"`{each}`" for each in args)
    elif origin in {Union, UnionType}:
        words = " or ".join(_value(part) for part in args if part is not NoneType)
    elif origin is tuple:
        words = f"list of {_value(args[0])}"
    elif origin is dict:
        words = f"table of {_value(args[1])} by {_value(args[0])}"
    else:
        words = next((name for kind, name in _KINDS.items() if hint is kind), "table, see below")
    return words


def _bounds(metas: tuple[object, ...]) -> str:
    words = []
    for meta in metas:
        if isinstance(meta, msgspec.Meta):
            if meta.ge is not None:
                words.append(f"from {meta.ge:,}")
            if meta.le is not None:
                words.append(f"to {meta.le:,}")
            if meta.pattern is not None:
                words.append(f"like `{meta.pattern}`")
            if meta.max_length is not None:
                words.append(f"at most {meta.max_length:,} long")
    return " " + " ".join(words) if words else ""


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "must be given"
    default = field.default
    if default is None or default is msgspec.NODEFAULT or default == ():
        return "none"
    if isinstance(default, Section):
        return "see below"
    if isinstance(default, bool):
        return str(default).lower()
    return f"{default:,}" if isinstance(default, int) else f"`{default}`".replace("'", '"')


if __name__ == "__main__":
    sys.stdout.write(page())

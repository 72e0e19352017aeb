"""A notification in the member's words: a pure function of the notification, the language and the member's zone.

A catalogue has a template for each kind of notification. Its placeholders:

| placeholder | says |
|---|---|
| `{about}` | the tier, milestone, reward or draw, by the name in `[names]`, else its id |
| `{points}` | points, with the language's separators |
| `{date}` | the last day of a tier, or the day on which points expire, in the member's time zone |
| `{reason}` | why, as in `[reasons]`; of a granted reward the receipt |
| `{reached}`, `{target}`, `{missing}` | the way to a milestone |
| `{ticket}`, `{prize}` | of a draw that was won |
| `{if_date}`, `{if_points}`, `{if_reason}` | the template's part of that name, where there is such a thing to say |
"""

import re
from collections.abc import Mapping
from string import Formatter
from typing import Final, NamedTuple, get_args

import msgspec

from features.event_time import ZoneRules, date_of
from loyalty.decisions import Notification, NotificationData, NotificationKind
from loyalty.explain import show_points

PLACEHOLDERS: Final = frozenset(
    {"about", "points", "date", "reason", "reached", "target", "missing", "ticket", "prize"}
    | {"if_date", "if_points", "if_reason"}
)
_MONTHS: Final = 12
_THOUSANDS: Final = re.compile(r"(?<=\d)(?=(?:\d{3})+$)")
_NUMBER: Final = re.compile(r"\d+")
# A receipt or a reason is a line; whatever else stands in it must not become a header or a second line.
_BLANK: Final = re.compile(r"\s+")


class Formats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a language writes dates and numbers. `date` has `{day}`, `{month}` (by name) and `{year}`."""

    date: str
    months: tuple[str, ...]
    thousands: str
    decimal: str


class Template(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Words for one kind of notification; the `if_` parts are said only where there is something to say."""

    subject: str
    body: str
    if_date: str = ""
    if_points: str = ""
    if_reason: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """All its texts."""
        return (self.subject, self.body, self.if_date, self.if_points, self.if_reason)


class Catalogue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All words of one language. `reasons` are by the reason of a refusal, `other` for those that are not listed."""

    formats: Formats
    kinds: dict[NotificationKind, Template]
    reasons: dict[str, str]
    names: dict[str, str] = msgspec.field(default_factory=dict)


class Text(NamedTuple):
    """What a member reads: one line, and some sentences."""

    subject: str
    body: str


def catalogue_problems(catalogue: Catalogue) -> list[str]:
    """What is missing in a catalogue or cannot be filled in; empty for a good one."""
    problems = [f"[kinds.{kind}] is missing" for kind in get_args(NotificationKind) if kind not in catalogue.kinds]
    if "other" not in catalogue.reasons:
        problems.append("[reasons] other is missing")
    if len(catalogue.formats.months) != _MONTHS:
        problems.append(f"[formats] months: needs {_MONTHS} names")
    texts = [(f"[kinds.{kind}]", part, PLACEHOLDERS) for kind, each in catalogue.kinds.items() for part in each.parts]
    texts.append(("[formats] date", catalogue.formats.date, frozenset({"day", "month", "year"})))
    for where, text, allowed in texts:
        problems.extend(f"{where}: {problem}" for problem in _template_problems(text, allowed))
    return problems


def _template_problems(text: str, allowed: frozenset[str]) -> list[str]:
    try:
        fields = [tuple(each[1:]) for each in Formatter().parse(text) if each[1] is not None]
    except ValueError as wrong:
        return [f"{text!r}: {wrong}; a brace is written twice"]
    found = {str(name) for name, _, _ in fields}
    problems = [f"there is no {{{name}}}; use {', '.join(sorted(allowed))}" for name in sorted(found - allowed)]
    plain = all((form, conversion) == ("", None) for _, form, conversion in fields)
    return problems if plain else [*problems, f"{text!r}: a placeholder is a name alone, such as {{about}}"]


def render(notification: Notification, catalogue: Catalogue, zone: ZoneRules, point_scale: int = 1) -> Text:
    """Say it.

    Args:
        notification: What to say.
        catalogue: In which words; one without problems.
        zone: The member's time zone, for dates.
        point_scale: How many of the smallest unit make one point, as in the policy.
    """
    data = notification.data
    template = catalogue.kinds[data.kind]
    words = _words(data, catalogue, zone, point_scale)
    words |= {
        "if_date": template.if_date.format_map(words) if data.due_ms else "",
        "if_points": template.if_points.format_map(words) if data.points else "",
        "if_reason": template.if_reason.format_map(words) if data.reason else "",
    }
    return Text(_BLANK.sub(" ", template.subject.format_map(words)), template.body.format_map(words).strip())


def _words(data: NotificationData, catalogue: Catalogue, zone: ZoneRules, point_scale: int) -> dict[str, str]:
    formats = catalogue.formats
    numbers = [*_NUMBER.findall(data.reason), "", ""]
    return {
        "about": catalogue.names.get(data.about, data.about),
        "points": _points(data.points, formats, point_scale),
        # Spans are half-open: a tier that ends with midnight has its last day before. Points expire with that midnight.
        "date": _date(data.due_ms - data.kind.startswith("tier_"), formats, zone),
        "reason": _reason(data, catalogue.reasons),
        "reached": _grouped(str(data.reached), formats),
        "target": _grouped(str(data.target), formats),
        "missing": _grouped(str(max(0, data.target - data.reached)), formats),
        "ticket": numbers[0],
        "prize": numbers[1],
    }


def _reason(data: NotificationData, reasons: Mapping[str, str]) -> str:
    """A refusal in words; of a granted reward the receipt as it is."""
    if data.kind == "reward_refused":
        return reasons.get(data.reason, reasons["other"])
    return _BLANK.sub(" ", data.reason)


def _points(points: int, formats: Formats, point_scale: int) -> str:
    whole, dot, part = show_points(points, point_scale).partition(".")
    return _grouped(whole, formats) + (formats.decimal + part if dot else "")


def _grouped(digits: str, formats: Formats) -> str:
    return _THOUSANDS.sub(formats.thousands, digits)


def _date(time_ms: int, formats: Formats, zone: ZoneRules) -> str:
    day = date_of(zone.local_day(time_ms))
    return formats.date.format(day=day.day, month=formats.months[day.month - 1], year=day.year)

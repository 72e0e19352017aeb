"""The settings of `tierstream notify`: channels, the contact directory, quiet hours, tries. A TOML file of their own.

Other processes need none of them, and files with passwords are named here. Each field's annotation carries its unit and
its reason, as in `streams.settings`.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Literal, get_type_hints

import msgspec
from msgspec import Meta

from features.errors import SettingsError
from features.event_time import HOUR_MS, SECOND_MS
from loyalty.decisions import NotificationKind
from streams.notify.catalogue_files import Catalogues, load_catalogues
from streams.notify.deciding import Rules
from streams.notify.quiet_hours import NONE, parse_quiet_hours
from streams.settings import SettingDoc
from streams.settings_sources import Unit, decode_path, read_settings, unit_and_reason
from streams.zones import zone_rules

_CHANNEL = re.compile(r"[a-z][a-z0-9_-]{0,31}")
_Url = Annotated[str, Meta(pattern=r"^https?://[^\s/]+")]
_Threads = Annotated[int, Meta(ge=1, le=64)]
_TimeoutS = Annotated[int, Meta(ge=1, le=120)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every table in the file."""


class Console(_Section, frozen=True, tag_field="kind", tag="console"):
    """One line of JSON per message on standard output: for a first look."""

    threads: _Threads = 1


class Smtp(_Section, frozen=True, tag_field="kind", tag="smtp"):
    """E-mail by a mail server.

    `sender` is the From line, `security` how the connection is encrypted: `starttls` on port 587, `tls` on 465, `none`
    only where the server stands beside. `password_file` holds the password alone. `threads` is how many connections.
    """

    host: Annotated[str, Meta(pattern=".")]
    sender: Annotated[str, Meta(pattern="@")]
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: Path | None = None
    ca_file: Path | None = None
    timeout_s: _TimeoutS = 30
    threads: _Threads = 4


class Webhook(_Section, frozen=True, tag_field="kind", tag="webhook"):
    """A POST to a gateway, such as that of app push or SMS.

    `secret_file` holds the key that signs. `needs_address`: whether the gateway is of no use without the member's
    address, as for SMS; a gateway that knows members by their id needs none.
    """

    url: _Url
    secret_file: Path | None = None
    needs_address: bool = False
    timeout_s: _TimeoutS = 10
    threads: _Threads = 8


Channel = Console | Smtp | Webhook


class Directory(_Section, frozen=True):
    """Where contacts are asked for: `url` with `{member}` in it, or a `file` of JSON Lines; neither: nobody is listed.

    `token_file` holds the bearer token that the URL wants.
    """

    url: Annotated[str, Meta(pattern=r"^https?://[^\s/]+/\S*\{member\}")] | None = None
    file: Path | None = None
    token_file: Path | None = None
    timeout_s: _TimeoutS = 5


class NotifySettings(_Section, frozen=True):
    """What `tierstream notify` is told.

    Example:
        >>> NotifySettings().default_channel
        'console'
    """

    channels: Annotated[
        dict[str, Channel],
        Unit("tables by name"),
        Meta(description="members choose `app`, `email`, `sms`, `webhook`; each name that is used needs its table"),
    ] = msgspec.field(default_factory=lambda: dict[str, Channel](console=Console()))
    default_channel: Annotated[
        str, Unit("name"), Meta(description="for members who have chosen none; the console shows that it works")
    ] = "console"
    contacts: Annotated[
        Directory, Unit("table"), Meta(description="the engine keeps no addresses: the platform is asked for them")
    ] = Directory()
    default_language: Annotated[
        str, Unit("language code"), Meta(description="for members whose contact names none that there are texts in")
    ] = "en"
    default_time_zone: Annotated[
        str, Unit("IANA name"), Meta(description="quiet hours and dates of members whose contact names none")
    ] = "UTC"
    quiet_hours: Annotated[
        str, Unit("HH:MM-HH:MM or none"), Meta(description="when members sleep, who have not said otherwise")
    ] = "21:00-08:00"
    urgent: Annotated[
        tuple[NotificationKind, ...],
        Unit("kinds"),
        Meta(description="come at any hour: answers that the member waits for, screen in hand"),
    ] = ("reward_pending", "reward_granted", "reward_refused", "reward_cancelled")
    point_scale: Annotated[
        Literal[1, 10, 100, 1000],
        Unit("smallest units per point"),
        Meta(description="as in the policy, which keeps it; `tierstream check-config` compares the two"),
    ] = 1
    templates: Annotated[
        Path | None, Unit("folder"), Meta(description="words of one's own, over the texts that come along")
    ] = None
    keep_trying_hours: Annotated[
        int,
        Unit("hours since it came into the log"),
        Meta(description="longer than a weekend's outage, sooner than it is old news", ge=1, le=720),
    ] = 72
    first_retry_s: Annotated[
        int, Unit("s"), Meta(description="most failures are over in seconds; doubled at each try", ge=1, le=3_600)
    ] = 10
    longest_retry_s: Annotated[
        int, Unit("s"), Meta(description="how late all is delivered after a long outage", ge=1, le=86_400)
    ] = 1_800
    outbox_limit: Annotated[
        int,
        Unit("deliveries"),
        Meta(description="about 1 KB each on disk; when it is full, the log keeps what comes", ge=1, le=100_000_000),
    ] = 500_000

    @property
    def rules(self) -> Rules:
        """What of them decides about a delivery."""
        return Rules(
            keep_trying_ms=self.keep_trying_hours * HOUR_MS,
            first_retry_ms=self.first_retry_s * SECOND_MS,
            longest_retry_ms=self.longest_retry_s * SECOND_MS,
            urgent=frozenset(self.urgent),
        )


def load_notify_settings(path: Path | None) -> tuple[NotifySettings, Catalogues]:
    """Read the file, and the texts that it names; without a file, everything goes to the console, which has no night.

    Raises:
        SettingsError: lists what is unknown, mistyped, out of range or does not fit together.
    """
    if path is None:
        return NotifySettings(quiet_hours=NONE), load_catalogues(None)
    kinds = get_type_hints(NotifySettings, include_extras=True)
    settings = msgspec.convert(read_settings(kinds, path, {}, {}), NotifySettings, dec_hook=decode_path)
    catalogues = load_catalogues(settings.templates)
    problems = list(_problems(settings, catalogues))
    if problems:
        raise SettingsError("\n  ".join([f"{path}: does not fit together", *problems]))
    return settings, catalogues


def _problems(settings: NotifySettings, catalogues: Mapping[str, object]) -> Iterator[str]:
    names = sorted(settings.channels)
    if settings.default_channel not in names:
        yield f"default_channel: {settings.default_channel!r} is none of the channels {', '.join(names) or '(none)'}"
    for name in names:
        if not _CHANNEL.fullmatch(name):
            yield f"channels.{name}: a name is made of a-z, 0-9, _ and -, begins with a letter, and has 32 at most"
    if settings.default_language.lower() not in catalogues:
        yield f"default_language: there are no texts in {settings.default_language!r}, only in {', '.join(catalogues)}"
    if settings.contacts.url is not None and settings.contacts.file is not None:
        yield "contacts: name a url or a file, not both"
    if settings.longest_retry_s < settings.first_retry_s:
        yield "longest_retry_s: is less than first_retry_s"
    for check in (lambda: zone_rules(settings.default_time_zone), lambda: parse_quiet_hours(settings.quiet_hours)):
        try:
            check()
        except SettingsError as wrong:
            yield str(wrong)


def describe_notify_settings() -> tuple[SettingDoc, ...]:
    """Name, unit, default and reason of every setting, in order of declaration."""
    hints, defaults = get_type_hints(NotifySettings, include_extras=True), NotifySettings()
    rows: list[SettingDoc] = []
    for name in NotifySettings.__struct_fields__:
        unit, why = unit_and_reason(hints[name])
        rows.append(SettingDoc(name, unit, _shown(getattr(defaults, name)), why))
    return tuple(rows)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(value)
    return (
        "one, `console`" if isinstance(value, dict) else "none" if isinstance(value, Directory | None) else str(value)
    )

"""Where settings come from: files, the environment, the command line; and how each one is documented.

The fields themselves are declared in `streams.settings`. Their annotations carry `Unit` and `Meta`, which this module
reads.
"""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Meta

from features.errors import SettingsError

ENVIRONMENT_PREFIX = "TIERSTREAM_"
# Variables with our prefix that are no settings: which broker tests use, and where its jars are kept.
_NOT_SETTINGS = frozenset({"TIERSTREAM_BROKER", "TIERSTREAM_KAFKA_JARS"})


class Unit(msgspec.Struct, frozen=True):
    """What a setting's value counts or names."""

    name: str


def read_settings(
    kinds: Mapping[str, object],
    path: Path | None,
    environ: Mapping[str, str],
    overrides: Mapping[str, object],
) -> dict[str, object]:
    """Values by name from all sources, later ones winning.

    Args:
        kinds: The annotation of every setting.
        path: A TOML file, or None.
        environ: The process environment.
        overrides: What the command line says.

    Raises:
        SettingsError: some settings are unknown, mistyped or out of range; the message lists all of them.
    """
    problems: list[str] = []
    chosen: dict[str, object] = {}
    for where, name, value, strict in _sources(path, environ, overrides, problems):
        kind = kinds.get(name)
        if kind is None:
            problems.append(f"{where}: no such setting; `tierstream check-config` lists them")
            continue
        try:
            chosen[name] = msgspec.convert(value, kind, strict=strict, dec_hook=decode_path)
        except msgspec.ValidationError as wrong:
            problems.append(f"{where}: {wrong} (unit: {unit_and_reason(kind)[0]})")
    if problems:
        noun = "problem" if len(problems) == 1 else "problems"
        raise SettingsError("\n".join([f"settings: {len(problems)} {noun}", *(f"  {line}" for line in problems)]))
    return chosen


def _sources(
    path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object], problems: list[str]
) -> Iterator[tuple[str, str, object, bool]]:
    """Yield (where, name, value, strict) in rising order of precedence."""
    if path is not None:
        for name, value in _read_toml(path, problems).items():
            yield f"{path}: {name}", name, value, True
    for variable in sorted(environ):
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _NOT_SETTINGS:
            yield variable, variable.removeprefix(ENVIRONMENT_PREFIX).lower(), environ[variable], False
    for name, value in overrides.items():
        yield f"--{name.replace('_', '-')}", name, value, False


def _read_toml(path: Path, problems: list[str]) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as failure:
        problems.append(f"{path}: cannot be read ({failure.strerror}); name an existing file")
    except UnicodeDecodeError:
        problems.append(f"{path}: is not UTF-8 text; save it as UTF-8")
    except tomllib.TOMLDecodeError as wrong:
        problems.append(f"{path}: is not TOML: {wrong}")
    return {}


def decode_path(kind: type, value: object) -> Path:
    """Let msgspec convert to paths."""
    if kind is Path and isinstance(value, str) and value:
        return Path(value)
    if kind is Path and isinstance(value, Path):
        return value
    raise ValueError("Expected a path")


def unit_and_reason(kind: object) -> tuple[str, str]:
    """Unit and reason of a setting, from its annotation."""
    notes: tuple[object, ...] = getattr(kind, "__metadata__", ())
    units = [note.name for note in notes if isinstance(note, Unit)]
    reasons = [note.description for note in notes if isinstance(note, Meta) and note.description]
    if len(units) != 1 or len(reasons) != 1:
        raise SettingsError(f"{kind}: a setting needs one unit and one reason; annotate it in streams/settings.py")
    return units[0], reasons[0]

"""Catalogues from files: the ones that come along, and an operator's own words over them."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

import msgspec

from features.errors import SettingsError
from streams.notify.texts import Catalogue, catalogue_problems

_OWN = Path(__file__).parent / "catalogues"

Catalogues = Mapping[str, Catalogue]
"""By language code, lower case."""


def load_catalogues(folder: Path | None) -> Catalogues:
    """Read the catalogues that come along, and over them the files of `folder`, named `<language>.toml`.

    A file of the operator's needs only what it says otherwise; in a language that does not come along, everything.

    Raises:
        SettingsError: lists everything that is wrong with any of them.

    Example:
        >>> sorted(load_catalogues(None))
        ['de', 'en']
    """
    texts = {path.stem.lower(): _read(path) for path in sorted(_OWN.glob("*.toml"))}
    if folder is not None:
        if not folder.is_dir():
            raise SettingsError(f"templates: {folder} is no folder; name one with files such as en.toml")
        for path in sorted(folder.glob("*.toml")):
            language = path.stem.lower()
            texts[language] = _over(texts.get(language, {}), _read(path))
    problems: list[str] = []
    catalogues = {
        language: catalogue for language, text in texts.items() for catalogue in _parse(text, language, problems)
    }
    if problems:
        raise SettingsError("\n  ".join(["templates: cannot be used", *problems]))
    return catalogues


def choose(catalogues: Catalogues, language: str, default: str) -> str:
    """The code of the catalogue for a member's language; a regional variant has its language's, any other the default.

    Example:
        >>> [choose(load_catalogues(None), asked, "en") for asked in ("de-AT", "DE", "xx", "")]
        ['de', 'de', 'en', 'en']
    """
    code = language.lower().replace("_", "-")
    return next((each for each in (code, code.partition("-")[0]) if each in catalogues), default.lower())


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as wrong:
        raise SettingsError(f"{path}: cannot be read as TOML ({wrong})") from wrong


def _over(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    """`above` where it says something, `below` elsewhere; tables are gone into."""
    merged = dict(below)
    for name, value in above.items():
        under = merged.get(name)
        merged[name] = _over(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return merged


def _parse(text: Mapping[str, object], language: str, problems: list[str]) -> list[Catalogue]:
    try:
        catalogue = msgspec.convert(text, Catalogue)
    except msgspec.ValidationError as wrong:
        problems.append(f"{language}.toml: {wrong}")
        return []
    problems += [f"{language}.toml: {problem}" for problem in catalogue_problems(catalogue)]
    return [catalogue]

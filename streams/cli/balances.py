"""`tierstream import-balances`: the points that members bring with them from another system."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from features.errors import HistoryError
from streams.cli.options import SettingsFile, load_settings, say
from streams.histories.balances import Import, balance_actions, read_lots, totals
from streams.histories.files import write_lines
from streams.producing import produce_lines
from streams.topics import topic_name


def instant_of(text: str) -> datetime:
    """An instant with its offset.

    Raises:
        HistoryError: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise HistoryError(f"--as-of {text}: is no instant such as 2026-01-01T00:00:00+01:00") from error
    if at.tzinfo is None:
        raise HistoryError(f"--as-of {text}: needs an offset, such as {text}Z or {text}+01:00")
    return at


def import_balances(
    file: Annotated[Path, typer.Argument(help="CSV or JSON Lines: member, points, and expires or earned or neither.")],
    as_of: Annotated[str, typer.Option("--as-of", help="Instant from which the points count; the same in each run.")],
    operator: Annotated[str, typer.Option("--operator", help="Who answers for it; stands on each entry.")],
    name: Annotated[
        str, typer.Option("--name", help="Name of this import, on each entry; the same in each run.")
    ] = "opening",
    out: Annotated[Path | None, typer.Option("--out", help="Write an action file instead of sending.")] = None,
    settings_file: SettingsFile = None,
) -> None:
    """Import opening balances, each lot with its own expiry; running it again with the same words gives nothing twice.

    Example: tierstream import-balances lots.csv --as-of 2026-01-01T00:00:00Z --operator ann --settings settings.toml
    """
    lots = read_lots(file)
    lines = balance_actions(lots, Import(name, instant_of(as_of), operator))
    by_member = totals(lots)
    if out is None:
        settings = load_settings(settings_file)
        produce_lines(settings, lines, lateness_ms=0)
        where = topic_name(settings, "actions")
    else:
        write_lines(out, lines)
        where = str(out)
    say(f"{len(lots):,} lots of {len(by_member):,} members, {sum(by_member.values()):,} points, are in {where}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("import-balances")(import_balances)

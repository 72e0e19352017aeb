"""`tierstream recommend`: what a member may buy next, asked of the running trainer."""

from typing import Annotated
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode
from urllib.request import urlopen

import orjson
import typer

from features.errors import BrokerError
from streams.cli.options import SettingsFile, load_settings, say

_TIMEOUT_S = 10.0
_MICRO = 1_000_000


def recommend(
    member: Annotated[str, typer.Argument(help="Member id, the subject of its actions.")],
    settings_file: SettingsFile = None,
    url: Annotated[str | None, typer.Option("--url", help="Web address of the trainer.")] = None,
    available: Annotated[str | None, typer.Option("--available", help="Items in stock, separated by commas.")] = None,
    length: Annotated[int, typer.Option("--length", help="How many to name.")] = 10,
) -> None:
    """Ask the trainer what a member is likely to buy next, and say how far it is the member's own habit.

    Example: tierstream recommend household-1229 --url http://127.0.0.1:6066
    """
    base = url or f"http://127.0.0.1:{load_settings(settings_file).web_port}"
    query = {"length": str(length)} | ({} if available is None else {"available": available})
    address = f"{base}/recommend/{quote(member, safe='')}/?{urlencode(query)}"
    try:
        with urlopen(address, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - the operator names the address
            found = orjson.loads(answer.read())
    except HTTPError as error:
        raise BrokerError(f"{address}: {error.read().decode(errors='replace')}") from error
    except (URLError, TimeoutError, ValueError) as error:
        raise BrokerError(f"{address}: no answer ({error}); is the trainer running, and --url its address?") from error
    say(f"segment {found['segment']}, mixture {found['mixture']}")
    for kind in ("items", "categories"):
        for line in found[kind]:
            own = "own habit" if line["own_micro"] else "new to the member"
            say(f"{kind}: {line['id']}  {line['score_micro'] / _MICRO:.3f}  {own}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("recommend")(recommend)

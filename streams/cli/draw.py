"""`tierstream draw commit|reveal|verify`: draws whose winners anyone can check."""

import os
import secrets
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from features.errors import HistoryError
from loyalty.draw_checks import check_draws
from loyalty.draw_records import decode_draw
from loyalty.draw_sales import Reveal
from loyalty.draws import SEED_BYTES, commitment_of
from loyalty.owner_rows import DRAW
from streams.cli.options import Broker, KeyFile, Prefix, SettingsFile, load_settings, say
from streams.client import Reader
from streams.controls import reveal_record
from streams.histories.files import read_lines
from streams.keys import load_signing_key
from streams.publishing import publish_to_owner

_OWNER_ONLY = 0o600

draw = typer.Typer(help="Draws by commit and reveal.", no_args_is_help=True)

SeedFile = Annotated[Path, typer.Argument(help="File of the secret seed.")]


@draw.command()
def commit(seed_file: SeedFile) -> None:
    """Make a secret seed, readable by its owner only, and print the commitment for the policy.

    Example: tierstream draw commit car.seed
    """
    seed = secrets.token_bytes(SEED_BYTES)
    with os.fdopen(os.open(seed_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY), "w") as file:
        file.write(seed.hex() + "\n")
    say(f'commitment = "{commitment_of(seed)}"')


@draw.command()
def reveal(
    reward: Annotated[str, typer.Argument(help="Reward id of the draw.")],
    seed_file: SeedFile,
    beacon: Annotated[str, typer.Option(help="What the announced beacon came to.")] = "",
    settings_file: SettingsFile = None,
    broker: Broker = None,
    key: KeyFile = None,
) -> None:
    """Reveal the seed of a draw that is closed; the winners follow from it, and are told.

    Example: tierstream draw reveal car car.seed --beacon "4 8 15 16 23 42" --key signing-key.pem
    """
    settings = load_settings(settings_file, bootstrap_servers=broker, signing_key_file=key)
    revealed = Reveal(reward, seed_of(seed_file), beacon)
    raw = reveal_record(revealed, load_signing_key(settings.signing_key_file))
    partition = publish_to_owner(settings, DRAW + reward, raw)
    say(f"seed of {reward} sent to partition {partition}; `tierstream draw verify` shows what comes of it")


@draw.command()
def verify(
    file: Annotated[Path | None, typer.Argument(help="Records of the topic `draws`, one JSON a line.")] = None,
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
) -> None:
    """Check draws from what was published of them: terms, every ticket, seed and winners. Needs no trust in anyone.

    Example: tierstream draw verify draws.jsonl
    """
    if file is None:
        settings = load_settings(settings_file, bootstrap_servers=broker, topic_prefix=prefix)
        with Reader(settings, ("draws",)) as reader:
            lines = [message.value() for _, message in reader.to_end()]
    else:
        lines = list(read_lines(file))
    try:
        checks = check_draws(decode_draw(line) for line in lines)
    except msgspec.MsgspecError as error:
        raise HistoryError(f"{file or 'topic draws'}: not a draw's record: {error}") from error
    for check in checks:
        say(f"draw {check.draw}: {'WRONG' if check.problems else 'right'}")
        for line in check.checked:
            say(f"  ok     {line}")
        for line in check.problems:
            say(f"  WRONG  {line}")
    if not checks:
        say("no draw was found")
    if any(check.problems for check in checks):
        raise typer.Exit(1)


def seed_of(path: Path) -> str:
    """The seed in a file, in hex.

    Raises:
        HistoryError: there is none.
    """
    try:
        seed = path.read_text().strip()
        if len(bytes.fromhex(seed)) == SEED_BYTES:
            return seed
    except (OSError, ValueError) as error:
        raise HistoryError(f"{path}: holds no seed ({error}); `tierstream draw commit` makes one") from error
    raise HistoryError(f"{path}: a seed has {SEED_BYTES} bytes, in hex; `tierstream draw commit` makes one")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(draw, name="draw")

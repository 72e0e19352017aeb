"""`tierstream explain`: why a member's last award and current tier are what they are, and what kind of member it is."""

from typing import Annotated

import typer

from loyalty.explain import explain_last_award, explain_tier
from loyalty.explain_standing import explain_standing
from online_models.portrait import explain_portrait
from streams.cli.options import Broker, Prefix, SettingsFile, load_settings, say
from streams.member_view import MemberView, newest_portrait


def explain(
    member: Annotated[str, typer.Argument(help="Member id, the subject of its actions.")],
    settings_file: SettingsFile = None,
    broker: Broker = None,
    prefix: Prefix = None,
) -> None:
    """Explain a member's last award and current tier from what was recorded when they were decided.

    An id that was linked to another one is answered for by that one.
    The portrait below them is of now: the newest clusters that the trainer has published, and the member's own habits.

    Example: tierstream explain household-1229 --broker 127.0.0.1:9092
    """
    settings = load_settings(settings_file, bootstrap_servers=broker, topic_prefix=prefix)
    view = MemberView(settings, member)
    log_time_ms = view.partition.row.log_time_ms
    scope = view.partition.versions.at_event(log_time_ms)
    found = view.member
    if view.aliases:
        say(f"{' -> '.join([*view.aliases, found.id])}: ids of one person; everything is with {found.id}.\n")
    say(explain_last_award(found.account, scope))
    say("")
    say(explain_tier(found.account, found.orders, found.windows, scope, log_time_ms))
    standing = explain_standing(found.account, found.orders, found.windows, scope, log_time_ms)
    if standing:
        say(f"\n{standing}")
    say("")
    interests = found.windows.interests.shares()
    say(explain_portrait(newest_portrait(settings), found.windows.vector(log_time_ms), interests))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain")(explain)

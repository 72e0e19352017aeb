"""`tierstream check-config`: are the policy and the settings usable, and what do they say?"""

from pathlib import Path
from typing import Annotated

import typer

from features.errors import SettingsError
from streams.cli.options import SettingsFile, load_settings, say
from streams.notify.settings import load_notify_settings
from streams.policy_files import read_policy
from streams.settings import describe_settings


def check_config(
    policies: Annotated[list[Path], typer.Argument(help="Policy files (TOML).")],
    settings_file: SettingsFile = None,
    *,
    show_settings: Annotated[bool, typer.Option("--show-settings", help="List every setting with its value.")] = False,
) -> None:
    """Check policy files and settings, those of the notifier too; report every problem at once.

    Example: tierstream check-config deploy/policies/retail.toml --show-settings
    """
    settings = load_settings(settings_file)
    notify_scale = None
    if settings.notify_file is not None:
        notify, catalogues = load_notify_settings(settings.notify_file)
        notify_scale = notify.point_scale
        channels, languages = ", ".join(sorted(notify.channels)), ", ".join(sorted(catalogues))
        say(f"{settings.notify_file}: ok: channels {channels}; texts in {languages}")
    others = []
    for path in policies:
        _, policy = read_policy(path)
        scale = policy.programme.point_scale
        if notify_scale not in {None, scale}:
            others.append(f"{path} counts in 1/{scale} points: write point_scale = {scale}")
        tiers = " < ".join(tier.id for tier in policy.tiers.ladder)
        say(f"{path}: ok: {policy.programme.name}, {len(policy.earning)} earning rules, tiers {tiers}")
    if others:
        problems = "; ".join(others)
        raise SettingsError(
            f"{settings.notify_file}: point_scale is {notify_scale}, so messages would name wrong amounts: {problems}"
        )
    if show_settings:
        for row in describe_settings():
            value = getattr(settings, row.name)
            say(f"{row.name} = {value}  [{row.unit}; default {row.default}] {row.why}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("check-config")(check_config)

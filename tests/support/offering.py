"""A corner shop that makes offers: its policy, a history to replay, and who was made which."""

from collections.abc import Iterator

import msgspec

from loyalty.campaigns import OFFER, in_holdout
from streams.controls import PolicyData
from tests.support import partition_log
from tests.support.corner_shop import POINT_A_DOLLAR, corner_shop, policy_data
from tests.support.random_history import DAY_MS, START_MS, purchase

BUDGET = 3_000
OFFERS = ("double", "extra")
_SECTIONS = """
[learning]
enabled = true
min_examples = 1_000_000
epoch_examples = {epoch}
sample_share_bp = 2_000
horizon_days = 20
[offers]
enabled = true
every_days = 20
holdout_bp = {holdout}
explore_bp = 5_000
[[campaigns]]
id = "double"
start = 2017-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
multiplier_bp = 20_000
cap_points = 60
budget_points = {budget}
budget_slice_points = 50
valid_days = 10
[[campaigns]]
id = "extra"
start = 2017-01-01T00:00:00Z
end = 2018-01-01T00:00:00Z
bonus = 7
cap_points = 21
budget_points = {budget}
budget_slice_points = 50
valid_days = 5
"""


def offering(*more: str, budget: int = BUDGET, holdout_bp: int = 2_000, epoch: int = 50) -> PolicyData:
    """The policy, with more sections."""
    sections = _SECTIONS.format(budget=budget, holdout=holdout_bp, epoch=epoch)
    return policy_data(corner_shop(POINT_A_DOLLAR, sections, *more))


def retail_with_offers() -> PolicyData:
    """The retail preset with the lines let in that its comment has on offers."""
    preset = partition_log.policy_data("retail.toml")
    before, offers = preset.text.split("#\n# [offers]\n")
    commented, after = offers.split("\n[notifications]\n")
    lines = "".join(f"{line.removeprefix('#').removeprefix(' ')}\n" for line in commented.splitlines())
    return msgspec.structs.replace(preset, text=f"{before}[offers]\n{lines}\n[notifications]\n{after}")


def is_held_out(member: str, holdout_bp: int = 2_000) -> bool:
    """Whether the member is in the hold-out of that policy."""
    return in_holdout(member, f"{OFFER}offers", holdout_bp)


def shopping(members: int, days: int) -> Iterator[tuple[int, bytes]]:
    """Each of so many members buys every third day: append time, and action."""
    for day in range(days):
        for number in range(day % 3, members, 3):
            time_ms = START_MS + day * DAY_MS + number * 60_000
            yield time_ms, purchase(f"o-{day}-{number}", f"m-{number}", time_ms, 1_000 + 100 * (number % 30))

"""A corner shop: the small programme to which tests of what members share add a few sections."""

from functools import cache

from streams.controls import PolicyData, public_key_of
from streams.zones import zone_rules
from tests.support.partition_log import KEY

POINT_A_DOLLAR = """
[[earning]]
id = "buy"
action = "purchase"
points = 1
per_minor = 100
"""
_HEAD = """
format = 1
[programme]
name = "Corner shop"
currency = "USD"
[tiers]
basis = "spend"
ladder = [{ id = "member", threshold = 0 }]
"""


def corner_shop(*sections: str) -> str:
    """The policy file with these sections."""
    return _HEAD + "".join(sections)


@cache
def policy_data(text: str, version: int = 1) -> PolicyData:
    """A policy as partitions learn of it, in force from the beginning."""
    return PolicyData(version, 0, 1, text, zone_rules("UTC").to_text(), (public_key_of(KEY),))

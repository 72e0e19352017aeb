"""What decides: policy, weights, zone and engine, as they stand at one point of a partition's log."""

from functools import cached_property

import msgspec

from features.event_time import ZoneRules
from loyalty.budgets import Slices
from loyalty.calendar import Calendar
from loyalty.policy import Policy
from loyalty.weights import STATIC, Weights


class Scope(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The versions that a decision is made under, and the slices of budgets that the partition holds at that point.

    All of it comes from the partition's own log.
    """

    policy: Policy
    policy_version: int = 1
    weights: Weights = STATIC
    engine: int = 1
    zone: ZoneRules
    slices: Slices = msgspec.field(default_factory=Slices)

    @cached_property
    def calendar(self) -> Calendar:
        """The zone's calendar, with a memory of the periods last asked for."""
        return Calendar(self.zone)

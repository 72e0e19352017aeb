"""What happened to each record, counted in the log's own order.

The counts stand in the partition row, so they are as exact as the ledger: every record that is not ours is applied, a
duplicate, forwarded, or dead-lettered, and nothing else. An action for an alias is forwarded by its own partition and
comes in once more in that of the canonical id: all partitions' `actions_in` less `forwarded` are the records there are.
Effects are ours: applied once, or repeated, or ahead of their turn, in which case they come again.
"""

from collections.abc import Mapping

ACTIONS_IN = "actions_in"
APPLIED = "applied"
DUPLICATES = "duplicates"
FORWARDED = "forwarded"
DEAD_LETTERED = "dead_lettered"
CONTROL_RECORDS = "control_records"
MEMBERS = "members"
ALIASES = "aliases"
LEDGER_ENTRIES = "ledger_entries"
TIER_CHANGES = "tier_changes"
NOTIFICATIONS = "notifications"
EXAMPLES = "examples"
DRAW_RECORDS = "draw_records"
SIGHTINGS = "sightings"
EFFECTS_SENT = "effects_sent"
EFFECTS_APPLIED = "effects_applied"
EFFECTS_REPEATED = "effects_repeated"
EFFECTS_AHEAD = "effects_ahead"

COUNTERS = (
    ACTIONS_IN,
    APPLIED,
    DUPLICATES,
    FORWARDED,
    DEAD_LETTERED,
    CONTROL_RECORDS,
    MEMBERS,
    ALIASES,
    LEDGER_ENTRIES,
    TIER_CHANGES,
    NOTIFICATIONS,
    EXAMPLES,
    DRAW_RECORDS,
    SIGHTINGS,
    EFFECTS_SENT,
    EFFECTS_APPLIED,
    EFFECTS_REPEATED,
    EFFECTS_AHEAD,
)

# Counters by kind are named `<counter>.<kind>`, such as `dead_lettered.too_late` and `points.earned`.
POINTS_BY_KIND = "points."
DEAD_LETTERED_BY_REASON = DEAD_LETTERED + "."


def is_balanced(counts: Mapping[str, int]) -> bool:
    """Whether every action is accounted for.

    Example:
        >>> is_balanced({"actions_in": 3, "applied": 1, "duplicates": 1, "dead_lettered": 1})
        True
        >>> is_balanced({"actions_in": 3, "applied": 2})
        False
    """
    outcomes = (APPLIED, DUPLICATES, FORWARDED, DEAD_LETTERED)
    return counts.get(ACTIONS_IN, 0) == sum(counts.get(outcome, 0) for outcome in outcomes)

"""Laws of merging: several ids of one person end as one member who has done everything from the start."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from features.actions import Action
from loyalty.policy import Policy
from tests.support.linked_desks import LinkedDesk
from tests.support.member_desk import DAY_MS
from tests.support.member_histories import ALL, EVERYTHING, PLAIN, UNLIMITED, Kind, Step, histories

# What neither tier multipliers, caps, streaks nor redemption are about, refunds aside.
FREE: tuple[Kind, ...] = ("purchase", "purchase", "review", "browse")


@st.composite
def shared_out(draw: st.DrawFn, ids: int) -> tuple[list[Step], list[list[int]]]:
    """A history, and for each step the ids it is applied to: one, or some of them where it was sent twice.

    The link comes while the totals of the history's days are known: later, a day that only both together have reached
    earns nothing.
    """
    steps = draw(histories(FREE, most=14))
    known_ms = steps[-1].log_ms - PLAIN.input.lateness_ms
    steps = [step for step in steps if step.action.name != "browse" or step.action.time_ms >= known_ms] or steps[-1:]
    owners = [draw(st.lists(st.integers(0, ids - 1), min_size=1, max_size=2, unique=True)) for _ in steps]
    return steps, owners


def apart(steps: list[Step], owners: list[list[int]], ids: int) -> list[LinkedDesk]:
    desks = [LinkedDesk(PLAIN) for _ in range(ids)]
    for step, those in zip(steps, owners, strict=True):
        for owner in those:
            desks[owner].act(under(f"m-{owner}", step.action), step.log_ms)
    return desks


def under(member: str, action: Action) -> Action:
    """The action as one of this member's."""
    return msgspec.structs.replace(action, subject=member)


def together(steps: list[Step]) -> LinkedDesk:
    desk = LinkedDesk(PLAIN)
    for step in steps:
        desk.act(step.action, step.log_ms)
    return desk


def ends(desk: LinkedDesk, end_ms: int) -> tuple[object, ...]:
    """What the member sees, and all features but those of fading interests, which are near enough by design."""
    desk.until(end_ms)
    return desk.seen_by_the_member(), desk.windows.vector(end_ms)[: -len(desk.windows.interests.features())]


@given(shared_out(2), st.integers(0, 40))
def test_two_ids_merged_are_one_member_from_the_start(
    history: tuple[list[Step], list[list[int]]], later_days: int
) -> None:
    steps, owners = history
    owners = [those[:1] for those in owners]
    log_ms = steps[-1].log_ms
    canonical, alias = apart(steps, owners, 2)
    canonical.absorb(alias, log_ms)
    end_ms = log_ms + later_days * DAY_MS
    assert ends(canonical, end_ms) == ends(together(steps), end_ms)


@given(shared_out(2))
def test_an_order_or_action_that_both_have_earns_once(history: tuple[list[Step], list[list[int]]]) -> None:
    steps, owners = history
    log_ms = steps[-1].log_ms
    canonical, alias = apart(steps, owners, 2)
    canonical.absorb(alias, log_ms)
    one = together(steps)
    for end_ms in (log_ms, log_ms + 40 * DAY_MS):
        assert ends(canonical, end_ms)[0] == ends(one, end_ms)[0]


@given(shared_out(3), st.permutations((0, 1, 2)), st.booleans())
@settings(max_examples=settings().max_examples // 2)
def test_it_does_not_matter_which_ids_are_linked_first(
    history: tuple[list[Step], list[list[int]]],
    order: list[int],
    from_the_right: bool,  # noqa: FBT001 - drawn
) -> None:
    steps, owners = history
    owners = [those[:1] for those in owners]
    log_ms = steps[-1].log_ms
    desks = apart(steps, owners, 3)
    first, second, third = (desks[number] for number in order)
    if from_the_right:
        second.absorb(third, log_ms)
        first.absorb(second, log_ms)
    else:
        first.absorb(second, log_ms)
        first.absorb(third, log_ms)
    end_ms = log_ms + 40 * DAY_MS
    assert ends(first, end_ms) == ends(together(steps), end_ms)


@given(histories(ALL, most=20), histories(ALL, most=20), st.sampled_from((EVERYTHING, UNLIMITED)))
def test_whatever_the_rules_merging_only_moves_points(mine: list[Step], theirs: list[Step], policy: Policy) -> None:
    """What leaves the alias comes to the canonical; what is taken back or awarded then has entries of its own."""
    canonical, alias = LinkedDesk(policy), LinkedDesk(policy)
    for desk, member, steps in ((canonical, "m-1", mine), (alias, "m-2", theirs)):
        for step in steps:
            desk.act(under(member, step.action), step.log_ms)
    log_ms = max(mine[-1].log_ms, theirs[-1].log_ms)
    canonical.absorb(alias, log_ms)
    out = [entry.data for entry in alias.entries if entry.data.kind == "transferred_out"]
    into = [entry.data for entry in canonical.entries if entry.data.kind == "transferred_in"]
    assert [(-data.pending_points, -data.active_points) for data in out] == [
        (data.pending_points, data.active_points) for data in into
    ]
    assert (alias.pending, alias.active) == (0, 0)
    assert alias.account.core.alias_of == "canonical"
    canonical.until(log_ms + 800 * DAY_MS)
    for desk in (canonical, alias):
        core = desk.account.core
        assert core.pending_points == sum(entry.data.pending_points for entry in desk.entries)
        assert core.active_points == sum(entry.data.active_points for entry in desk.entries)
        assert core.active_points == sum(lot.points for lot in core.active) - core.debt
        assert min((lot.points for lot in core.active), default=1) > 0
        ids = [(decision.topic, decision.id) for decision in desk.decisions]
        assert len(ids) == len(set(ids))

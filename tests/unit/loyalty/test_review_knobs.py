"""Copied reviews earn nothing: `original`, the award that waits for the answer, and what becomes of it."""

import pytest

from features.table import ALL_TIME
from features.table import REVIEWS as REVIEWS_COUNTED
from loyalty.effects import Claim, ClaimAnswer, Effect
from loyalty.originals import fingerprint
from loyalty.owner_rows import REVIEW, ReviewText
from loyalty.owners import Asked, ask
from tests.support.linked_desks import LinkedDesk
from tests.support.member_desk import DAY_MS, HOUR_MS, MEMBER, START_MS, Desk, action, policy_of

# START_MS is Wednesday, 1 March 2017, 12:00 UTC.
REVIEWS = """
[[earning]]
id = "review"
action = "review"
points = 40
original = true
"""
TEXT = "Holds its heat, and the handle is wide enough."
OWNER = REVIEW + fingerprint(TEXT)
CLAIM = "9:shop/testw-1"
NEW = ClaimAnswer(owner=OWNER, claim=CLAIM)
COPY = ClaimAnswer(owner=OWNER, claim=CLAIM, refusal="copied_text")


def write(desk: Desk, event_id: str = "w-1", day: int = 0, text: str = TEXT, rating: int = 5) -> None:
    at_ms = START_MS + day * DAY_MS
    desk.act(action("review", event_id, at_ms, item_id="mug", rating=rating, text=text, helpful_votes=2))


def kinds(desk: Desk) -> list[tuple[str, int, str]]:
    return [
        (entry.data.kind, entry.data.pending_points + entry.data.active_points, entry.data.reason)
        for entry in desk.entries
    ]


def test_an_award_waits_for_the_answer_however_long_that_takes() -> None:
    desk = Desk(policy_of(REVIEWS), cold=True)
    write(desk)
    assert desk.effects == [Effect(OWNER, START_MS, Claim(holder=MEMBER, claim=CLAIM))]
    assert kinds(desk) == [("earned", 40, "text_claimed")]
    assert desk.account.next_due_ms() is None
    desk.until(START_MS + 100 * DAY_MS)
    assert (desk.pending, desk.active) == (40, 0)


@pytest.mark.parametrize(
    ("knobs", "answered", "active"),
    [
        ("", 0, 0),  # active as soon as the answer is there
        ("", 3, 3),
        ("pending_days = 10\n", 3, 10),  # what is left of its own waiting
        ("pending_days = 10\n", 12, 12),
    ],
)
def test_a_new_text_earns_and_its_points_wait_as_the_rule_says(knobs: str, answered: int, active: int) -> None:
    desk = Desk(policy_of(REVIEWS + knobs), cold=True)
    write(desk)
    desk.receive(NEW, START_MS, START_MS + answered * DAY_MS)
    desk.until(START_MS + active * DAY_MS - 1)
    assert (desk.pending, desk.active) == (40, 0)
    desk.until(START_MS + active * DAY_MS)
    assert kinds(desk) == [("earned", 40, "text_claimed"), ("activated", 0, "")]
    assert (desk.pending, desk.active) == (0, 40)


def test_a_copied_review_earns_nothing_and_leaves_nothing() -> None:
    ladder = '[{ id = "member", threshold = 0 }, { id = "gold", threshold = 40 }]'
    tiers = f'[tiers]\nbasis = "earned_points"\nladder = {ladder}\n'
    capped = 'caps = [{ per = "day", points = 40 }]\n'
    desk = Desk(policy_of(REVIEWS + capped + tiers), cold=True)
    write(desk)
    assert desk.tier == "gold"  # what counts for the tier counts when it is earned, pending or not
    desk.receive(COPY, START_MS, START_MS + HOUR_MS)
    assert kinds(desk)[1:] == [("cancelled", -40, "copied_text")]
    assert desk.entries[1].data.grant == desk.entries[0].id
    assert (desk.pending, desk.active, desk.tier) == (0, 0, "member")
    assert desk.windows.total(REVIEWS_COUNTED, ALL_TIME) == 0
    write(desk, "w-2", text="My own words")  # the day's cap has room again: 40 - 40 + 40
    assert desk.pending == 40


@pytest.mark.parametrize("answer", [NEW, COPY])
def test_an_answer_counts_once(answer: ClaimAnswer) -> None:
    desk = Desk(policy_of(REVIEWS), cold=True)
    write(desk)
    for late in (answer, COPY, NEW):
        desk.receive(late, START_MS, START_MS + HOUR_MS)
    desk.until(START_MS + DAY_MS)
    assert (desk.pending, desk.active) == (0, 0 if answer.refusal else 40)
    assert len(desk.entries) == 2


def test_a_held_member_waits_on_after_the_answer() -> None:
    desk = Desk(policy_of('[[holds]]\nid = "fraud"\ndays = 30\n' + REVIEWS))
    write(desk)
    desk.act(action("misconduct", "m", START_MS, kind="fraud", severity=5))
    desk.receive(NEW, START_MS, START_MS + DAY_MS)
    desk.until(START_MS + 30 * DAY_MS - 1)
    assert (desk.pending, desk.active) == (40, 0)
    desk.until(START_MS + 30 * DAY_MS)
    assert desk.active == 40


def test_what_a_verdict_has_cancelled_no_answer_brings_back() -> None:
    for answer in (NEW, COPY):
        desk = Desk(policy_of('[[holds]]\nid = "fraud"\ndays = 30\n' + REVIEWS))
        write(desk)
        desk.act(action("misconduct", "m", START_MS, kind="fraud", severity=5))
        desk.act(action("adjust", "a", START_MS, operator="ann", reason="fraud", verdict="cancel"))
        desk.act(action("adjust", "b", START_MS, operator="ann", reason="gift", points=50))
        desk.receive(answer, START_MS, START_MS + HOUR_MS)
        desk.until(START_MS + DAY_MS)
        assert (desk.pending, desk.active) == (0, 50)


def test_only_rules_that_ask_for_it_wait() -> None:
    plain = '[[earning]]\nid = "thanks"\naction = "review"\npoints = 3\n'
    qualifying = '[[earning]]\nid = "rank"\naction = "review"\npoints = 7\nunit = "qualifying"\noriginal = true\n'
    ladder = '[{ id = "member", threshold = 0 }, { id = "gold", threshold = 7 }]'
    tiers = f'[tiers]\nbasis = "qualifying_points"\nladder = {ladder}\n'
    desk = Desk(policy_of(REVIEWS + plain + qualifying + tiers))
    write(desk)
    assert (desk.pending, desk.active, desk.tier) == (40, 3, "gold")
    desk.receive(COPY, START_MS)
    assert (desk.pending, desk.active, desk.tier) == (0, 3, "member")


@pytest.mark.parametrize(("text", "effects"), [("", 0), ("!!! ...", 0), ("ok", 1), ("很好用", 1)])
def test_a_review_without_words_has_nothing_of_its_own(text: str, effects: int) -> None:
    desk = Desk(policy_of(REVIEWS))
    write(desk, text=text)
    assert (len(desk.effects), desk.pending) == (effects, 40 * effects)


def test_case_blanks_and_punctuation_make_no_new_text() -> None:
    for copy in (TEXT.upper(), TEXT.replace(" ", "  "), "»" + TEXT.replace(",", "") + "!"):
        assert fingerprint(copy) == fingerprint(TEXT)
    assert fingerprint(TEXT + "s") != fingerprint(TEXT)


def test_who_comes_first_has_the_text_and_the_same_review_again_is_no_copy() -> None:
    text = ReviewText()
    scope = Desk(policy_of(REVIEWS)).scope

    def asks(holder: str, claim: str) -> str:
        (effect,) = ask(text, Asked(OWNER, START_MS, Claim(holder=holder, claim=claim), scope))
        assert isinstance(effect.body, ClaimAnswer)
        return effect.body.refusal

    assert [asks("m-1", CLAIM), asks("m-2", "9:shop/testw-2"), asks("m-1", "9:shop/testw-3")] == [
        "",
        "copied_text",
        "copied_text",  # of oneself
    ]
    assert asks("m-1-too", CLAIM) == ""  # one review under two ids of one person, which are linked later


@pytest.mark.parametrize("answered", ["neither", "both"])
@pytest.mark.parametrize("answer", [NEW, COPY])
def test_one_review_under_two_ids_of_a_person_earns_once(answer: ClaimAnswer, answered: str) -> None:
    mine, theirs = LinkedDesk(policy_of(REVIEWS)), LinkedDesk(policy_of(REVIEWS))
    alone = LinkedDesk(policy_of(REVIEWS))
    for desk in (mine, theirs, alone):
        write(desk)
        if desk is alone or answered == "both":
            desk.receive(answer, START_MS, START_MS + HOUR_MS)
    mine.absorb(theirs, START_MS + 2 * HOUR_MS)
    for _ in range(2):
        mine.receive(answer, START_MS, START_MS + 3 * HOUR_MS)
    for desk in (mine, alone):
        desk.until(START_MS + DAY_MS)
    assert mine.seen_by_the_member() == alone.seen_by_the_member()
    assert mine.windows.vector(START_MS + DAY_MS) == alone.windows.vector(START_MS + DAY_MS)

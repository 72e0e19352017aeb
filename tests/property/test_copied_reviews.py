"""Laws of copied reviews, over random interleavings of three partitions: one writer of each text earns, and once."""

from collections import Counter
from typing import NamedTuple

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from loyalty.decisions import LedgerEntry
from streams.replay import replay_log
from tests.support.corner_shop import corner_shop, policy_data
from tests.support.random_history import DAY_MS, START_MS, event
from tests.support.topic_log import TopicLog

PARTITIONS = 3
TEXTS = ("Keeps tea hot", "keeps tea HOT.", "The lid leaks")
POLICY = policy_data(
    corner_shop("""
[[earning]]
id = "review"
action = "review"
points = 10
original = true
""")
)


class Write(NamedTuple):
    member: int
    text: int


class Deliver(NamedTuple):
    pair: int


class Again(NamedTuple):
    letter: int


Step = Write | Deliver | Again
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.one_of(
        st.builds(Write, st.integers(0, 4), st.integers(0, 2)),
        st.builds(Deliver, st.integers(0, 20)),
        st.builds(Again, st.integers(0, 50)),
    ),
    max_size=30,
)


def go(steps: list[Step]) -> tuple[TopicLog, set[str]]:
    """The log after the steps and all answers, and which texts, as they count, have been written."""
    log, written = TopicLog(PARTITIONS, POLICY), set[str]()
    for number, step in enumerate(steps):
        match step:
            case Write(member, text):
                data: dict[str, object] = {"item_id": "mug", "rating": 4, "text": TEXTS[text]}
                log.act(event("review", f"w-{number}", f"m-{member}", START_MS, data), START_MS)
                written.add("lid" if text == 2 else "tea")
            case Deliver(pair) if waiting := log.waiting():
                log.deliver(waiting[pair % len(waiting)])
            case Again(letter) if log.delivered:
                log.again(letter)
            case _:
                pass
    log.deliver_all()
    log.tick(START_MS + DAY_MS)
    return log, written


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_of_all_who_have_used_a_text_one_earns_and_once(steps: list[Step]) -> None:
    log, written = go(steps)
    kinds: Counter[str] = Counter()
    balances: dict[str, tuple[int, int]] = {}
    for value in log.decisions.values():
        if b'"type":"loyalty.points.' in value:
            entry = msgspec.json.decode(value, type=LedgerEntry)
            kinds[entry.data.kind] += 1
            balances[entry.subject] = entry.data.pending_balance, entry.data.active_balance
    assert kinds["activated"] == len(written)
    assert kinds["cancelled"] == kinds["earned"] - len(written)
    assert all(pending == 0 for pending, _ in balances.values())
    assert sum(active for _, active in balances.values()) == 10 * len(written)
    replayed = replay_log((record for each in log.logs for record in each), log.identity, "any")
    assert replayed.decisions.digest() == log.decisions.digest()
    assert replayed.decisions.gaps() == []

"""`python -m benchmarks.recommendations ACTIONS`: is the next basket in the list? Test, then train, into out/.

Baskets come in the order of the file. From the middle of them on, every third is asked for before it is learned: ten
items and ten categories, against the ten most popular ones and the member's own most bought ones, filled up with
popular ones; both fade as ours do and as they do not, and the better of the two counts.
"""

import argparse
import json
import time
from collections import defaultdict
from hashlib import blake2b
from pathlib import Path

from features.actions import Purchase, decode_action
from loyalty.policy import Recommendations
from online_models.examples import pseudonym
from online_models.mixing import MIXTURES
from online_models.ranking import ndcg
from online_models.recommending import Recommender, segment_of
from online_models.sightings import Basket, BasketLine
from streams.histories.files import read_lines

LENGTH = 10
_ASK_EVERY = 3


def baskets_of(path: Path, share: float) -> list[Basket]:
    """The baskets of a share of the members, in the order of the file."""
    found: list[Basket] = []
    for raw in read_lines(path):
        if b'"loyalty.action.purchase"' not in raw:
            continue
        action = decode_action(raw)
        if not isinstance(action, Purchase) or not action.data.items or _drawn(action.subject) >= share:
            continue
        lines = {item.item_id: BasketLine(item.item_id, item.category) for item in action.data.items}
        found.append(
            Basket(member=pseudonym(action.subject), time_ms=action.time_ms, tier="", lines=tuple(lines.values()))
        )
    return found


def _drawn(member: str) -> float:
    return int.from_bytes(blake2b(member.encode(), digest_size=4, person=b"ts-bench").digest(), "big") / 2**32


class Counts:
    """The baselines: counts of all and by member, that do not fade."""

    def __init__(self) -> None:
        self.everyone: dict[str, int] = defaultdict(int)
        self.members: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._top: tuple[str, ...] = ()
        self._learned = 0

    def learn(self, member: str, names: set[str]) -> None:
        """Count a basket."""
        for name in names:
            self.everyone[name] += 1
            self.members[member][name] += 1
        if self._learned % 200 == 0:
            self._top = tuple(sorted(self.everyone, key=lambda name: -self.everyone[name])[:100])
        self._learned += 1

    def popular(self) -> list[str]:
        """The most popular."""
        return list(self._top[:LENGTH])

    def repeated(self, member: str) -> list[str]:
        """The member's own most bought, then popular ones."""
        mine = self.members[member]
        own = sorted(mine, key=lambda name: -mine[name])[:LENGTH]
        return [*own, *(name for name in self._top if name not in mine)][:LENGTH]


class Scores:
    """Mean hit rate and NDCG by list."""

    def __init__(self) -> None:
        self._sums: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])

    def add(self, name: str, ranked: list[str], wanted: set[str]) -> None:
        """Judge one list."""
        sums = self._sums[name]
        sums[0] += bool(wanted.intersection(ranked))
        sums[1] += ndcg(ranked, wanted)
        sums[2] += 1

    def table(self) -> dict[str, dict[str, float]]:
        """The means."""
        return {
            name: {"hit_rate": round(hits / asked, 4), "ndcg": round(gain / asked, 4), "asked": asked}
            for name, (hits, gain, asked) in self._sums.items()
        }


def measure(baskets: list[Basket]) -> dict[str, object]:
    """Replay the baskets and judge."""
    recommender, items, categories, scores = Recommender(), Counts(), Counts(), Scores()
    rules = Recommendations(enabled=True, length=LENGTH)
    asked_s = learned_s = 0.0
    asked = 0
    for number, basket in enumerate(baskets):
        member = basket.member
        wanted = {line.item_id for line in basket.lines}
        wanted_categories = {line.category for line in basket.lines if line.category}
        if number >= len(baskets) // 2 and number % _ASK_EVERY == 0:
            started = time.process_time()
            answer = recommender.recommend(member, LENGTH)
            asked_s += time.process_time() - started
            asked += 1
            scores.add("items, recommended", [line.id for line in answer.items], wanted)
            for mixture in MIXTURES:
                lines = recommender.items_for(member, mixture, LENGTH, None)
                scores.add(f"items, {mixture} only", [line.id for line in lines], wanted)
            scores.add("items, popular", items.popular(), wanted)
            scores.add("items, repeated", items.repeated(member), wanted)
            if wanted_categories:
                scores.add("categories, recommended", [line.id for line in answer.categories], wanted_categories)
                scores.add("categories, popular", categories.popular(), wanted_categories)
                scores.add("categories, repeated", categories.repeated(member), wanted_categories)
        started = time.process_time()
        recommender.learn(basket, number, rules)
        learned_s += time.process_time() - started
        items.learn(member, wanted)
        categories.learn(member, wanted_categories)
    best = {
        name: recommender.mixer.best(segment_of("", count)) for name, count in (("few", 1), ("some", 9), ("many", 99))
    }
    return {
        "baskets": len(baskets),
        "answer_ms": round(1e3 * asked_s / max(1, asked), 2),
        "learn_ms": round(1e3 * learned_s / len(baskets), 2),
        "best_mixture": best,
        **scores.table(),
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommendations")
    parser.add_argument("actions", type=Path)
    parser.add_argument("--share", type=float, default=1.0, help="share of the members, for a quick look")
    parser.add_argument("--out", type=Path, default=Path("out/recommendations.json"))
    arguments = parser.parse_args()
    report = measure(baskets_of(arguments.actions, arguments.share))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    for name, figures in report.items():
        print(f"{name}: {figures}")  # noqa: T201 - this is the output


if __name__ == "__main__":
    main()

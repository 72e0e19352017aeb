"""Recommendations reach their topic, newest of each member, and whoever asks for one."""

import asyncio
import json
from typing import Any, cast

import pytest

from online_models.recommended import Recommendation, Recommended
from online_models.recommending import Recommender
from streams.recommend_view import answer
from streams.recommendations_log import RecommendationsLog


class Writer:
    """Keeps what is appended."""

    def __init__(self) -> None:
        self.records: list[tuple[str, int, bytes | None, int]] = []

    async def append(
        self, topic: str, partition: int, value: bytes, *, key: bytes | None = None, timestamp_ms: int | None = None
    ) -> int:
        await asyncio.sleep(0)
        self.records.append((topic, partition, key, json.loads(value)["data"]["example_offset"]))
        return timestamp_ms or 0


def recommendation(offset: int, partition: int) -> Recommendation:
    recommended = Recommended(
        member="a", segment="/few", mixture="habit", propensity_bp=1, items=(), categories=(), settled=None
    )
    return Recommendation(example_offset=offset, log_time_ms=offset, partition=partition, recommended=recommended)


def test_the_newest_of_each_member_goes_to_the_members_partition() -> None:
    writer = Writer()
    log = RecommendationsLog("recommendations", cast("Any", writer))
    for offset, key in enumerate((b"anne", b"bert", b"anne")):
        log.put(recommendation(offset, len(key) % 2), key)
    before = log.waiting
    asyncio.run(log.flush())
    assert (before, log.waiting) == (True, False)
    assert writer.records == [("recommendations", 0, b"anne", 2), ("recommendations", 0, b"bert", 1)]


def test_what_is_asked_over_http_is_answered_in_json() -> None:
    def recommend(member: str, length: int, available: object) -> Recommended:
        assert (member, length, available) == ("m-42", 3, ["tea", "milk"])
        return Recommender().recommend(member, length)

    response = answer(recommend, "m-42", {"length": "3", "available": "tea,milk"})
    assert (response.status, json.loads(cast("bytes", response.body))["mixture"]) == (200, "popular")


@pytest.mark.parametrize("length", ["0", "51", "-1", "ten", ""])
def test_a_length_that_cannot_be_is_refused_in_words(length: str) -> None:
    response = answer(cast("Any", None), "m-42", {"length": length})
    assert (response.status, response.text) == (400, f"length: a number from 1 to 50, not {length!r}")

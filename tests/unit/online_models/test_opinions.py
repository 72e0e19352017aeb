"""Texts: what is learned from them, which are copies, and when discontent is a wave."""

import pytest

from features.event_time import DAY_MS, HOUR_MS
from loyalty.policy import Opinions
from online_models.copies import CopyIndex
from online_models.findings import Copied, Found, Wave
from online_models.opinions import OpinionDesk
from online_models.sentiment import TextModels
from online_models.sightings import Opinion

GOOD = ("works as expected and fast", "great card, very happy", "质量很好、很喜欢", "送货很快、满意")
BAD = ("stopped working after a week", "slow and broken, never again", "质量太差、很失望", "送货很慢、不满意")
REVIEW = "Bought two of these for my old phone and both of them still work after a year in the sun"


def opinion(time_ms: int, stars: int, text: str = "", member: str = "m-1", about: str = "p-1") -> Opinion:
    return Opinion(member=member, time_ms=time_ms, kind="review", stars=stars, text=text, about=about)


def read(desk: OpinionDesk, number: int, sent: Opinion) -> list[Found]:
    return list(desk.read(sent, f"0-{number}", sent.time_ms, Opinions(enabled=True)))


@pytest.fixture(scope="module")
def models() -> TextModels:
    models = TextModels()
    for _ in range(20):
        for good, bad in zip(GOOD, BAD, strict=True):
            models.learn(good, 5, 3)
            models.learn(bad, 1, 0)
    return models


@pytest.mark.parametrize(("better", "worse"), [("very happy, fast", "broken and slow"), ("很满意、喜欢", "失望、太慢")])
def test_words_of_both_languages_tell_the_content_from_the_discontent(
    models: TextModels, better: str, worse: str
) -> None:
    assert models.content(better) > 0.6
    assert models.content(worse) < 0.4


def test_three_stars_teach_nothing_of_sentiment_and_unknown_votes_nothing_of_quality(models: TextModels) -> None:
    text = "neither here nor there"
    content, quality = models.content(text), models.quality(text)
    models.learn(text, 3, None)
    assert (models.content(text), models.quality(text)) == (content, quality)


def test_a_copied_review_is_found_whatever_case_and_marks_it_is_written_in() -> None:
    index = CopyIndex()
    assert index.add("anne", "0-1", REVIEW) is None
    copied = index.add("bert", "0-2", REVIEW.upper().replace(" and ", " & ") + "!!!")
    assert copied is not None
    assert (copied.member, copied.key) == ("anne", "0-1")


@pytest.mark.parametrize("text", ["Very good!", "很好", "Five stars"])
def test_what_everybody_writes_is_nobodys_copy(text: str) -> None:
    index = CopyIndex()
    assert [index.add(str(number), str(number), text) for number in range(3)] == [None] * 3


def test_another_review_of_the_same_thing_is_no_copy() -> None:
    index = CopyIndex()
    index.add("anne", "0-1", REVIEW)
    assert (
        index.add("bert", "0-2", "Bought one of these for my new camera and it broke after a week in the rain") is None
    )


def test_a_text_that_is_no_longer_kept_is_not_found() -> None:
    index = CopyIndex(kept_texts=1)
    index.add("anne", "0-1", REVIEW)
    index.add("bert", "0-2", "Stopped working after a week and they would not even take it back from me")
    assert index.add("carl", "0-3", REVIEW) is None


def test_a_copy_is_reported_with_both_examples() -> None:
    desk = OpinionDesk()
    read(desk, 1, opinion(0, 5, REVIEW, "anne"))
    (found,) = read(desk, 2, opinion(HOUR_MS, 5, REVIEW, "bert"))
    assert found == Copied(member="bert", example="0-2", of_member="anne", of_example="0-1", similarity_bp=10_000)


def quiet_months(desk: OpinionDesk, days: int = 90) -> int:
    """A complaint every third day, nine contented reviews a day; returns the time after it."""
    for day in range(days):
        for hour in range(9):
            assert read(desk, day * 10 + hour, opinion(day * DAY_MS + hour * HOUR_MS, 5)) == []
        if day % 3 == 0:
            assert read(desk, day * 10 + 9, opinion(day * DAY_MS + 9 * HOUR_MS, 1)) == []
    return days * DAY_MS


def test_a_wave_of_discontent_is_reported_once_with_all_that_it_rests_on() -> None:
    desk = OpinionDesk()
    start_ms = quiet_months(desk)
    waves: list[Wave] = []
    for number in range(12):
        sent = opinion(start_ms + number * HOUR_MS, 1, f"bad {number}", f"m-{number}")
        waves += [found for found in read(desk, 10_000 + number, sent) if isinstance(found, Wave)]

    everything, product = waves
    assert (everything.about, product.about) == ("", "p-1")
    assert product.count == len(product.examples) == product.members == 8
    assert product.examples == tuple(f"0-{10_000 + number}" for number in range(8))
    assert product.quotes[-1].excerpt == "bad 7"
    assert 200_000 < product.usual_micro < 450_000  # one in three days


def test_the_same_number_in_a_busier_programme_is_no_wave() -> None:
    desk = OpinionDesk()
    for day in range(90):
        for hour in range(12):
            assert read(desk, day * 12 + hour, opinion(day * DAY_MS + 2 * hour * HOUR_MS, 1)) == [] or day == 0


def test_a_second_wave_is_reported_again() -> None:
    desk = OpinionDesk()
    time_ms = quiet_months(desk)
    waves = 0
    for wave in range(2):
        for number in range(10):
            sent = opinion(time_ms + wave * 10 * DAY_MS + number * HOUR_MS, 1)
            waves += sum(isinstance(found, Wave) and found.about == "p-1" for found in read(desk, number, sent))
    assert waves == 2

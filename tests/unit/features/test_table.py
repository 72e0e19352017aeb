"""The declared table, its order, and its page."""

from pathlib import Path

from features.reference import render
from features.rings import HOURS_PER_DAY, SLOT_MS, SLOTS_PER_HOUR
from features.table import FEATURES, MEASURE_COUNT, MEASURES, WINDOW_COUNT, WINDOWED, WINDOWS
from features.totals import total_at
from features.vector import FEATURE_NAMES, feature_index

PAGE = Path(__file__).parents[3] / "docs" / "features.md"

# Places in stored rows. A name may be added at the end; nothing may move or go.
STORED_MEASURES = (
    "activity_count purchase_count spend_minor item_count browse_count browse_ms search_count click_count "
    "favourite_count add_to_cart_count review_count rating_stars helpful_vote_count share_count referral_count "
    "login_count feedback_count satisfaction_points coupon_redeem_count campaign_received_count redeem_count "
    "refund_count refund_minor misconduct_count severity_points"
)


def test_the_page_agrees_with_the_declarations() -> None:
    cure = "run: python -m features.reference docs/features.md"
    assert PAGE.read_text(encoding="utf-8") == render(), cure


def test_stored_measures_keep_their_places() -> None:
    assert tuple(STORED_MEASURES.split()) == tuple(measure.name for measure in MEASURES)[: len(STORED_MEASURES.split())]


def test_names_are_unique_and_lead_back_to_their_places() -> None:
    assert len(set(FEATURE_NAMES)) == len(FEATURES)
    assert [feature_index(name) for name in FEATURE_NAMES] == list(range(len(FEATURES)))
    assert len({measure.name for measure in MEASURES}) == MEASURE_COUNT


def test_a_windowed_feature_reads_the_sum_that_its_name_says() -> None:
    for place, (feature, (window, measure)) in enumerate(zip(FEATURES, WINDOWED, strict=False)):
        assert total_at(window, measure) == place
        assert feature.name == f"{MEASURES[measure].name}_{WINDOWS[window].name}"
        assert (feature.unit, feature.window) == (MEASURES[measure].unit, WINDOWS[window].name)


def test_windows_are_whole_buckets_and_buckets_nest() -> None:
    spans = [(window.length_ms, window.bucket_ms) for window in WINDOWS[: WINDOW_COUNT - 1]]
    assert all(length is not None and bucket is not None and length % bucket == 0 for length, bucket in spans)
    assert spans[0] == (SLOTS_PER_HOUR * SLOT_MS, SLOT_MS)
    assert spans[1] == (HOURS_PER_DAY * SLOTS_PER_HOUR * SLOT_MS, SLOTS_PER_HOUR * SLOT_MS)
    assert [length for length, _ in spans] == sorted(length for length, _ in spans if length is not None)

"""The declared table: what is counted (measures), over which windows, and which features the models and rules see.

A *measure* is a sum of integers over the actions of one member. Its index is stored in rows, so the list only ever
grows at its end. A *window* of length W at `as_of` covers the W/b last buckets of length b, up to and including the
bucket of `as_of`. A *feature* is a measure over a window, or derived from such sums and from times.
"""

from typing import Final, Literal, NamedTuple

from features.event_time import DAY_MS, HOUR_MS, MINUTE_MS

Unit = Literal["count", "minor", "ms", "days", "points", "stars", "basis points", "hundredths", "millibits"]


class Measure(NamedTuple):
    """One sum that is kept per member and bucket."""

    name: str
    unit: Unit
    sources: tuple[str, ...]
    meaning: str


class Window(NamedTuple):
    """A span of event time that ends with the bucket of `as_of`; `length_ms` None is all time."""

    name: str
    length_ms: int | None
    bucket_ms: int | None


class Feature(NamedTuple):
    """One entry of the feature vector. `window` is a window's name, or empty for a derived time."""

    name: str
    unit: Unit
    window: str
    sources: tuple[str, ...]
    meaning: str


# What the member does on purpose; mailings, penalties and corrections happen to the member.
OWN_ACTIONS: Final = (
    "enroll",
    "login",
    "browse",
    "search",
    "click",
    "favourite",
    "add_to_cart",
    "purchase",
    "review",
    "share",
    "referral",
    "feedback",
    "redeem",
    "coupon_redeem",
)

# First and last times are kept of the measures before this index.
TIMED_MEASURES: Final = 2

MEASURES: Final[tuple[Measure, ...]] = (
    Measure("activity_count", "count", OWN_ACTIONS, "actions of the member's own doing"),
    Measure("purchase_count", "count", ("purchase", "refund"), "orders, less those returned in full"),
    Measure("spend_minor", "minor", ("purchase", "refund"), "paid amounts in the programme's currency, less refunds"),
    Measure("item_count", "count", ("purchase", "refund"), "pieces bought, less those returned"),
    Measure("browse_count", "count", ("browse",), "page and item views"),
    Measure("browse_ms", "ms", ("browse",), "time spent on page and item views"),
    Measure("search_count", "count", ("search",), "searches"),
    Measure("click_count", "count", ("click",), "clicks on items"),
    Measure("favourite_count", "count", ("favourite",), "items put on the wish list"),
    Measure("add_to_cart_count", "count", ("add_to_cart",), "items put in the cart"),
    Measure("review_count", "count", ("review",), "product reviews"),
    Measure("rating_stars", "stars", ("review",), "sum of the ratings given in reviews, 1 to 5 each"),
    Measure("helpful_vote_count", "count", ("review",), "helpful votes that reviews carried when they arrived"),
    Measure("share_count", "count", ("share",), "shares on social channels"),
    Measure("referral_count", "count", ("referral",), "members brought in"),
    Measure("login_count", "count", ("login",), "sign-ins"),
    Measure("feedback_count", "count", ("feedback",), "satisfaction answers"),
    Measure("satisfaction_points", "points", ("feedback",), "sum of the satisfaction answers, 1 to 5 each"),
    Measure("coupon_redeem_count", "count", ("coupon_redeem",), "coupons used"),
    Measure("campaign_received_count", "count", ("campaign_received",), "mailings that reached the member"),
    Measure("redeem_count", "count", ("redeem",), "rewards asked for"),
    Measure("refund_count", "count", ("refund",), "returns, full or partial, at the time of the return"),
    Measure("refund_minor", "minor", ("refund",), "amounts given back, at the time of the return"),
    Measure("misconduct_count", "count", ("misconduct",), "reports of bad behaviour"),
    Measure("severity_points", "points", ("misconduct",), "sum of the severities reported, 1 to 5 each"),
)
MEASURE_COUNT: Final = len(MEASURES)

WINDOWS: Final[tuple[Window, ...]] = (
    Window("1h", HOUR_MS, 5 * MINUTE_MS),
    Window("24h", 24 * HOUR_MS, HOUR_MS),
    Window("7d", 7 * DAY_MS, DAY_MS),
    Window("30d", 30 * DAY_MS, DAY_MS),
    Window("90d", 90 * DAY_MS, DAY_MS),
    Window("all", None, None),
)
WINDOW_COUNT: Final = len(WINDOWS)

_MEASURE_INDEX: Final = {measure.name: index for index, measure in enumerate(MEASURES)}
_WINDOW_INDEX: Final = {window.name: index for index, window in enumerate(WINDOWS)}


def measure_index(name: str) -> int:
    """The index of a measure by its name.

    Raises:
        KeyError: there is no such measure.

    >>> measure_index("spend_minor")
    2
    """
    return _MEASURE_INDEX[name]


def window_index(name: str) -> int:
    """The index of a window by its name.

    Raises:
        KeyError: there is no such window.

    >>> window_index("30d")
    3
    """
    return _WINDOW_INDEX[name]


ACTIVITY: Final = measure_index("activity_count")
PURCHASES: Final = measure_index("purchase_count")
SPEND: Final = measure_index("spend_minor")
ITEMS: Final = measure_index("item_count")
BROWSES: Final = measure_index("browse_count")
BROWSE_MS: Final = measure_index("browse_ms")
SEARCHES: Final = measure_index("search_count")
CLICKS: Final = measure_index("click_count")
FAVOURITES: Final = measure_index("favourite_count")
CART_ADDS: Final = measure_index("add_to_cart_count")
REVIEWS: Final = measure_index("review_count")
RATINGS: Final = measure_index("rating_stars")
HELPFUL_VOTES: Final = measure_index("helpful_vote_count")
SHARES: Final = measure_index("share_count")
REFERRALS: Final = measure_index("referral_count")
LOGINS: Final = measure_index("login_count")
FEEDBACKS: Final = measure_index("feedback_count")
SATISFACTION: Final = measure_index("satisfaction_points")
COUPONS: Final = measure_index("coupon_redeem_count")
CAMPAIGNS: Final = measure_index("campaign_received_count")
REDEMPTIONS: Final = measure_index("redeem_count")
REFUNDS: Final = measure_index("refund_count")
REFUNDED: Final = measure_index("refund_minor")
MISCONDUCTS: Final = measure_index("misconduct_count")
SEVERITIES: Final = measure_index("severity_points")

HOUR_WINDOW: Final = window_index("1h")
DAY_WINDOW: Final = window_index("24h")
WEEK_WINDOW: Final = window_index("7d")
MONTH_WINDOW: Final = window_index("30d")
QUARTER_WINDOW: Final = window_index("90d")
ALL_TIME: Final = window_index("all")

_ALL_WINDOWS: Final = "1h 24h 7d 30d 90d all"

# Which windows of which measure are features: those in which the measure is frequent enough to say something.
_WINDOWED: Final[tuple[tuple[str, str], ...]] = (
    ("activity_count", _ALL_WINDOWS),
    ("purchase_count", "24h 7d 30d 90d all"),
    ("spend_minor", "24h 7d 30d 90d all"),
    ("item_count", "30d 90d"),
    ("browse_count", "1h 24h 7d 30d 90d"),
    ("browse_ms", _ALL_WINDOWS),
    ("search_count", "1h 7d 30d"),
    ("click_count", "1h 24h 7d 30d"),
    ("favourite_count", "7d 30d 90d"),
    ("add_to_cart_count", "1h 24h 7d 30d"),
    ("review_count", "30d 90d all"),
    ("rating_stars", "90d all"),
    ("helpful_vote_count", "all"),
    ("share_count", "30d 90d all"),
    ("referral_count", "90d all"),
    ("login_count", "24h 7d 30d 90d"),
    ("feedback_count", "90d all"),
    ("satisfaction_points", "90d all"),
    ("coupon_redeem_count", "7d 30d 90d all"),
    ("campaign_received_count", "7d 30d 90d"),
    ("redeem_count", "90d all"),
    ("refund_count", "30d 90d all"),
    ("refund_minor", "30d 90d"),
    ("misconduct_count", "30d 90d all"),
    ("severity_points", "90d"),
)

# Derived features follow the windowed ones, in this order; `vector.feature_vector` computes them in the same order.
_DERIVED: Final[tuple[Feature, ...]] = (
    Feature("recency_activity_ms", "ms", "", OWN_ACTIONS, "time since the last action of the member's own doing"),
    Feature("recency_purchase_ms", "ms", "", ("purchase",), "time since the last purchase, returned or not"),
    Feature("tenure_days", "days", "", OWN_ACTIONS, "whole days since the first action of the member's own doing"),
    Feature("purchase_gap_ms", "ms", "", ("purchase",), "mean time between purchases, from the first to the last"),
    Feature("basket_minor_90d", "minor", "90d", ("purchase", "refund"), "mean amount of a purchase, rounded down"),
    Feature("refund_share_bp_90d", "basis points", "90d", ("purchase", "refund"), "share of spend given back"),
    Feature("returned_share_bp_all", "basis points", "all", ("purchase", "refund"), "returns per order and return"),
    Feature(
        "coupon_response_bp_90d",
        "basis points",
        "90d",
        ("coupon_redeem", "campaign_received"),
        "coupons used per mailing, at most one",
    ),
    Feature("view_ms_30d", "ms", "30d", ("browse",), "mean time spent on a page or item"),
    Feature("views_per_login_hundredths_30d", "hundredths", "30d", ("browse", "login"), "views per sign-in"),
    Feature("cart_share_bp_30d", "basis points", "30d", ("add_to_cart", "browse"), "items put in the cart per view"),
    Feature("rating_hundredths_all", "hundredths", "all", ("review",), "mean rating given"),
    Feature("votes_per_review_hundredths_all", "hundredths", "all", ("review",), "helpful votes per review"),
)

# What `features.interests` reads off its counters, in the order of `Interests.features`; the end of the vector.
_FADING: Final[tuple[Feature, ...]] = (
    Feature("category_count", "count", "", ("purchase", "browse"), "categories of interest, at most eight"),
    Feature("category_entropy_millibits", "millibits", "", ("purchase", "browse"), "how evenly interest is spread"),
    Feature("top_category_share_bp", "basis points", "", ("purchase", "browse"), "share of the largest interest"),
    Feature("weekend_share_bp", "basis points", "", ("purchase",), "purchases on Saturday or Sunday, local time"),
    Feature("morning_share_bp", "basis points", "", ("purchase",), "purchases from 6 to noon, local time"),
    Feature("evening_share_bp", "basis points", "", ("purchase",), "purchases from 18 to midnight, local time"),
    Feature("gap_irregularity_bp", "basis points", "", ("purchase",), "deviation of the gaps over their mean"),
)


def _windowed(name: str, window: str) -> Feature:
    measure = MEASURES[measure_index(name)]
    return Feature(f"{name}_{window}", measure.unit, window, measure.sources, measure.meaning)


FEATURES: Final[tuple[Feature, ...]] = (
    *(_windowed(name, window) for name, windows in _WINDOWED for window in windows.split()),
    *_DERIVED,
    *_FADING,
)

WINDOWED: Final[tuple[tuple[int, int], ...]] = tuple(
    (window_index(window), measure_index(name)) for name, windows in _WINDOWED for window in windows.split()
)
"""Window and measure of each feature that is a plain sum, in the order of `FEATURES`, which begins with them."""

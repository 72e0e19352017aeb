"""Member actions as they arrive: CloudEvents 1.0 in structured JSON mode, one type per action.

The wire type is the domain type: one msgspec pass decodes, validates and yields an immutable value. JSON Schemas are
generated from these types (`streams.schemas`). Unknown extra fields are ignored, as CloudEvents asks.

Example:
    >>> raw = b'''{"specversion":"1.0","id":"o-1001","source":"shop/web","type":"loyalty.action.purchase",
    ...   "time":"2017-03-04T18:22:05Z","subject":"m-42",
    ...   "data":{"amount":2599,"currency":"USD","order_id":"o-1001"}}'''
    >>> action = decode_action(raw)
    >>> action.data.amount, action.name, action.time_ms
    (2599, 'purchase', 1488651725000)
"""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

TYPE_PREFIX = "loyalty.action."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

# Bounds of the contract, not of the programme: they keep one record from being a problem for its partition.
MAX_ID_LENGTH = 256
MAX_TEXT_LENGTH = 20_000
MAX_AMOUNT_MINOR = 10**13  # a hundred thousand million currency units: far over any order, far under 2**63

Identifier = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH)]
AmountMinor = Annotated[int, msgspec.Meta(ge=0, le=MAX_AMOUNT_MINOR)]
Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT_LENGTH)]
Instant = Annotated[datetime, msgspec.Meta(tz=True)]
DurationMs = Annotated[int, msgspec.Meta(ge=0, le=7 * 24 * 3_600_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000)]


def to_ms(instant: datetime) -> int:
    """Milliseconds since the Unix epoch, exact; what is finer is cut off.

    Example:
        >>> to_ms(datetime(1970, 1, 1, 0, 0, 1, 999, tzinfo=UTC))
        1000
    """
    return (instant - _EPOCH) // _MILLISECOND


class Data(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Base of every action's `data`."""


class NoData(Data, frozen=True, gc=False, kw_only=True):
    """An action that carries nothing but its envelope."""


class LineItem(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One order line. `amount` is the line's total in minor units."""

    item_id: Identifier
    amount: AmountMinor
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    category: Identifier | None = None


class EnrollData(Data, frozen=True, gc=False, kw_only=True):
    """`time_zone` is an IANA name; empty means the programme's."""

    time_zone: Annotated[str, msgspec.Meta(max_length=64)] = ""
    channels: tuple[Literal["app", "email", "sms", "webhook"], ...] = ()


class BrowseData(Data, frozen=True, gc=False, kw_only=True):
    """How long the view lasted, in milliseconds, and of what."""

    duration_ms: DurationMs
    item_id: Identifier | None = None
    category: Identifier | None = None


class SearchData(Data, frozen=True, gc=False, kw_only=True):
    """The words searched for."""

    query: Text = ""


class ItemData(Data, frozen=True, gc=False, kw_only=True):
    """The item that the action is about."""

    item_id: Identifier
    category: Identifier | None = None


class PurchaseData(Data, frozen=True, gc=False, kw_only=True):
    """A paid order. `amount` is what the member paid, in minor units of `currency`.

    `tax`, `shipping` and `discount` are parts of it that a policy may leave out of the eligible amount.
    """

    order_id: Identifier
    amount: AmountMinor
    currency: Currency
    items: tuple[LineItem, ...] = ()
    tax: AmountMinor = 0
    shipping: AmountMinor = 0
    discount: AmountMinor = 0


class RefundData(Data, frozen=True, gc=False, kw_only=True):
    """A full or partial return. `items` names the lines given back, where the shop knows them."""

    order_id: Identifier
    amount: AmountMinor
    currency: Currency
    items: tuple[LineItem, ...] = ()


class DeliveryData(Data, frozen=True, gc=False, kw_only=True):
    """The order that has arrived."""

    order_id: Identifier


class ReviewData(Data, frozen=True, gc=False, kw_only=True):
    """Rating from 1 to 5, text, and the helpful votes that the review has when it arrives."""

    item_id: Identifier
    rating: Annotated[int, msgspec.Meta(ge=1, le=5)]
    text: Text = ""
    helpful_votes: Count = 0
    category: Identifier | None = None


class ShareData(Data, frozen=True, gc=False, kw_only=True):
    """Where it was shared, and what."""

    channel: Identifier | None = None
    item_id: Identifier | None = None


class ReferralData(Data, frozen=True, gc=False, kw_only=True):
    """`referred` is the member id of the new member; `order_id` their first order, where the shop knows it."""

    referred: Identifier
    order_id: Identifier | None = None


class FeedbackData(Data, frozen=True, gc=False, kw_only=True):
    """Satisfaction from 1 to 5, and with what."""

    satisfaction: Annotated[int, msgspec.Meta(ge=1, le=5)]
    about: Identifier | None = None
    text: Text = ""


class RedeemData(Data, frozen=True, gc=False, kw_only=True):
    """Which reward of the catalogue, or which benefit of the tier, and how many."""

    reward_id: Identifier
    quantity: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 1


class RedeemCancelData(Data, frozen=True, gc=False, kw_only=True):
    """Which redemption: the id of its event, and its source where that is another one than this event's."""

    redeem_id: Identifier
    redeem_source: Identifier | None = None


class CouponRedeemData(Data, frozen=True, gc=False, kw_only=True):
    """Which coupon, and the campaign that handed it out."""

    coupon_id: Identifier
    campaign_id: Identifier | None = None


class CampaignReceivedData(Data, frozen=True, gc=False, kw_only=True):
    """Which campaign, and over which channel."""

    campaign_id: Identifier
    channel: Identifier | None = None


class MisconductData(Data, frozen=True, gc=False, kw_only=True):
    """What kind of behaviour, and its severity from 1 (slight) to 5 (fraud)."""

    kind: Identifier
    severity: Annotated[int, msgspec.Meta(ge=1, le=5)]


class AdjustData(Data, frozen=True, gc=False, kw_only=True):
    """A correction by a person; `points` may be negative.

    `override` sets the member's tier by hand: at least `tier` (`floor`) or exactly it (`fix`), before `until`; `end`
    ends that at once. `verdict` ends a hold after misconduct: pending points are released, or cancelled. `extend_days`
    moves the expiry of all points that have one.

    Points that are given, such as an opening balance, expire as if they were earned now, or at `earned`; or at
    `expires`, which from the year 9999 on means never.
    """

    operator: Identifier
    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=1_000)]
    points: Annotated[int, msgspec.Meta(ge=-(10**12), le=10**12)] = 0
    expires: Instant | None = None
    earned: Instant | None = None
    override: Literal["floor", "fix", "end"] | None = None
    tier: Identifier | None = None
    until: Instant | None = None
    verdict: Literal["release", "cancel"] | None = None
    extend_days: Annotated[int, msgspec.Meta(ge=1, le=3_650)] | None = None


class LinkIdentityData(Data, frozen=True, gc=False, kw_only=True):
    """The other member id of the same person."""

    other: Identifier


class ConsentData(Data, frozen=True, gc=False, kw_only=True):
    """A purpose, such as `profiling`, and whether it is allowed from now on."""

    purpose: Identifier
    granted: bool


class Envelope(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="type"):
    """CloudEvents attributes that every action carries. `subject` is the member id and the Kafka key."""

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    time: Instant
    subject: Identifier

    @property
    def time_ms(self) -> int:
        """Event time in milliseconds since the Unix epoch, exact."""
        return to_ms(self.time)

    @property
    def name(self) -> str:
        """The action's short name, such as `purchase`."""
        tag = self.__struct_config__.tag
        return str(tag)[len(TYPE_PREFIX) :]


class Enroll(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "enroll"):
    """A member joins the programme."""

    data: EnrollData = EnrollData()


class Login(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "login"):
    """A member signs in."""

    data: NoData = NoData()


class Browse(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "browse"):
    """A page or item view with its duration."""

    data: BrowseData


class Search(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "search"):
    """A search."""

    data: SearchData = SearchData()


class Click(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "click"):
    """A click on an item."""

    data: ItemData


class Favourite(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "favourite"):
    """An item is put on the wish list."""

    data: ItemData


class AddToCart(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "add_to_cart"):
    """An item is put in the cart."""

    data: ItemData


class Purchase(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "purchase"):
    """A paid order."""

    data: PurchaseData


class Refund(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "refund"):
    """A return, full or partial."""

    data: RefundData


class Review(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "review"):
    """A product review."""

    data: ReviewData


class Share(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "share"):
    """A share on a social channel."""

    data: ShareData = ShareData()


class Referral(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "referral"):
    """The member brought another one."""

    data: ReferralData


class Feedback(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "feedback"):
    """A satisfaction answer, 1 to 5."""

    data: FeedbackData


class Redeem(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "redeem"):
    """Points are spent on a reward of the catalogue."""

    data: RedeemData


class CouponRedeem(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "coupon_redeem"):
    """A coupon is used at the till."""

    data: CouponRedeemData


class CampaignReceived(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "campaign_received"):
    """A campaign mailing reached the member."""

    data: CampaignReceivedData


class Misconduct(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "misconduct"):
    """Bad behaviour that a platform service reports."""

    data: MisconductData


class Adjust(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "adjust"):
    """A correction of the balance by an operator."""

    data: AdjustData


class LinkIdentity(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "link_identity"):
    """Two ids turn out to be one person."""

    data: LinkIdentityData


class Consent(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "consent"):
    """The member grants or withdraws consent for a purpose."""

    data: ConsentData


class Erase(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "erase"):
    """The member asks to be forgotten."""

    data: NoData = NoData()


class RedeemCancel(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "redeem_cancel"):
    """A redemption is called off: its points go back to the lots they came from."""

    data: RedeemCancelData


class Delivery(Envelope, frozen=True, gc=False, kw_only=True, tag=TYPE_PREFIX + "delivery"):
    """An order has arrived; what a policy lets wait for that becomes active, or begins its return period."""

    data: DeliveryData


Action = (
    Enroll
    | Login
    | Browse
    | Search
    | Click
    | Favourite
    | AddToCart
    | Purchase
    | Refund
    | Review
    | Share
    | Referral
    | Feedback
    | Redeem
    | CouponRedeem
    | CampaignReceived
    | Misconduct
    | Adjust
    | LinkIdentity
    | Consent
    | Erase
    | RedeemCancel
    | Delivery
)

ACTION_TYPES: tuple[type[Envelope], ...] = tuple(Envelope.__subclasses__())
ACTION_NAMES: tuple[str, ...] = tuple(str(kind.__struct_config__.tag)[len(TYPE_PREFIX) :] for kind in ACTION_TYPES)

_DECODER: msgspec.json.Decoder[Action] = msgspec.json.Decoder(Action)


def decode_action(raw: bytes) -> Action:
    """Decode one CloudEvent.

    Raises:
        msgspec.ValidationError: a required field is missing, mistyped or out of its bounds, or the type is unknown.
        msgspec.DecodeError: the bytes are not JSON.
    """
    return _DECODER.decode(raw)

"""Copied reviews: who has used a text first may earn by it, everybody else's award is cancelled.

    member: review, award pending ──> review/<fingerprint>: is this the first use of the text?
    member: the award becomes pending as its rule says, or is cancelled <── answer

The points wait in a lot of their own that no time makes due. A fingerprint stands for a text without regard to case,
blanks and punctuation, so that nobody's words travel or are kept. The owner remembers which review was first, by the
name of its action: the same review under another id of the same person is no copy.
"""

from collections.abc import Sequence
from hashlib import blake2b
from unicodedata import normalize

from features.actions import Action, Review
from features.table import HELPFUL_VOTES, RATINGS, REVIEWS
from loyalty.calendar import AWAITED_MS
from loyalty.context import Context
from loyalty.earning import Earned
from loyalty.effects import Claim, ClaimAnswer, Effect
from loyalty.holds import due_or_held
from loyalty.lots import place_of
from loyalty.orders import Grant, Order, claim_name
from loyalty.owner_rows import REVIEW
from loyalty.refunds import take_back
from loyalty.tiers import count

_FINGERPRINT_BYTES = 16


def fingerprint(text: str) -> str:
    """What stands for a text; nothing where it has neither letters nor digits.

    Example:
        >>> fingerprint("Very good!") == fingerprint(" very  GOOD") != fingerprint("very bad")
        True
        >>> fingerprint("... !"), len(fingerprint("很好用"))
        ('', 32)
    """
    folded = "".join(letter for letter in normalize("NFKC", text).casefold() if letter.isalnum())
    return blake2b(folded.encode(), digest_size=_FINGERPRINT_BYTES).hexdigest() if folded else ""


def claim_text(context: Context, action: Action, earned: Earned | None) -> Sequence[Grant]:
    """Claim a review's text for the grants that need a new one; returns the other grants."""
    if earned is None:
        return ()
    originals = context.compiled.originals
    if not originals or not isinstance(action, Review):
        return earned.grants
    waiting = [at for at, grant in enumerate(earned.grants) if grant.rule in originals]
    if not waiting:
        return earned.grants
    data, claim = action.data, claim_name(action.source, action.id)
    order = Order(
        context.time_ms,
        context.policy.programme.currency,
        0,
        0,
        [data.item_id],
        [data.rating],
        [earned.grants[at] for at in waiting],
        claim="pending",
        pieces=data.helpful_votes,
        spent=[(waiting.index(at), campaign, points) for at, campaign, points in earned.spent if at in waiting],
    )
    context.orders.add(_kept_as(claim), order, context.now_ms, context.policy.input.reach_ms)
    owner = REVIEW + fingerprint(data.text)
    context.out.append(Effect(owner, context.time_ms, Claim(holder=context.member, claim=claim)))
    return [grant for grant in earned.grants if grant.rule not in originals]


def text_answered(context: Context, answer: ClaimAnswer) -> None:
    """Let the award wait as its rule says, or cancel it, and what the review counted for with it."""
    kept_as = _kept_as(answer.claim)
    order = context.orders.find(kept_as)
    if order is None or order.claim != "pending":
        return
    context.orders.touch(kept_as, order)
    if answer.refusal:
        order.claim, order.closed = "refused", True
        _cancel(context, order, answer.refusal)
    else:
        order.claim = "accepted"
        _let_wait(context, order)


def review_measures(order: Order) -> tuple[tuple[int, int], ...]:
    """What a review whose text was claimed added to the member's measures."""
    return (REVIEWS, 1), (RATINGS, order.amounts[0]), (HELPFUL_VOTES, order.pieces)


def _cancel(context: Context, order: Order, reason: str) -> None:
    points = qualifying = 0
    for grant in order.grants:
        took = take_back(context, "", order, grant, reason)
        if grant.qualifying:
            qualifying += took
        else:
            points += took
    measures = review_measures(order)
    context.windows.undo(measures, order.time_ms)
    count(context, tuple((measure, -value) for measure, value in measures), order.time_ms, -points, -qualifying)


def _let_wait(context: Context, order: Order) -> None:
    """Give the lots the date they would have had, or now where that has gone by."""
    core, pending_ms = context.core, context.compiled.originals
    dates_ms = {grant.lot: due_or_held(context, order.time_ms, pending_ms.get(grant.rule, 0)) for grant in order.grants}
    for lot in core.pending:
        if lot.due_ms == AWAITED_MS and lot.lot in dates_ms:
            lot.due_ms = max(dates_ms[lot.lot], context.now_ms)
    core.pending.sort(key=place_of)
    context.account.core_changed = True


def _kept_as(claim: str) -> str:
    """What a review's award is kept under: apart from all orders, whose ids have no control characters."""
    return f"\0review/{claim}"

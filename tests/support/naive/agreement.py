"""Whether a member's account says what a naive ledger says."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from loyalty.account_rows import Core
from loyalty.calendar import INACTIVE_MS, NEVER_MS
from tests.support.naive.ledger import NaiveLedger
from tests.support.naive.times import NEVER, ON_INACTIVITY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(time_ms: int) -> datetime:
    """An instant of the engine in the words of the standard library."""
    return _EPOCH + timedelta(milliseconds=time_ms)


def when(expires_ms: int) -> datetime:
    """An expiry of the engine, dated or not."""
    if expires_ms >= INACTIVE_MS:
        return NEVER if expires_ms == NEVER_MS else ON_INACTIVITY
    return at(expires_ms)


def assert_agreement(core: Core, naive: NaiveLedger, now_ms: int) -> None:
    """Lots by when they become active and expire, debt, balance, tier and its validity are the same in both."""
    pools = {when(lot.expires_ms): lot.points for lot in core.active}
    assert pools == {expires: points for expires, points in naive.pools.items() if points}
    assert (core.debt, core.active_points) == (naive.debt, naive.active)
    waiting: Counter[tuple[datetime, datetime]] = Counter()
    for lot in core.pending:
        waiting[at(lot.due_ms), when(lot.expires_ms)] += lot.points
    for grant in naive.pending:
        waiting[grant.due or NEVER, grant.expires] -= grant.points - grant.taken
    assert not any(waiting.values())
    if core.member and not core.alias_of:
        tier, valid = naive.tiers.standing(at(now_ms))
        assert (core.tier.tier, core.tier.valid_until_ms) == (
            tier,
            0 if valid is None else int((valid - _EPOCH) / timedelta(milliseconds=1)),
        )

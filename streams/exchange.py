"""Effects that arrive: taken in their turn, and handed to the member or the owner that they are for."""

from typing import assert_never

from features.actions import to_ms
from loyalty.budgets import BUDGET
from loyalty.draw_sales import Reveal, SaleAt, objection, open_draw, reveal, sell
from loyalty.effects import (
    BudgetGrant,
    BudgetRequest,
    Claim,
    ClaimAnswer,
    ClaimReturn,
    DrawWon,
    Effect,
    Forwarded,
    ForwardedOffer,
    ForwardedVerdict,
    IdentityLink,
    IdentityMerge,
    ReferralEarned,
    ReferralUndone,
    Referred,
)
from loyalty.owner_rows import DRAW, DrawState
from loyalty.owners import Asked, OwnerRequest, ask
from streams import accounting
from streams.effects import EffectRecord
from streams.member_effects import MemberEffects
from streams.outbox import Outbox
from streams.owners import Owners
from streams.partition import Partition
from streams.records import LogRecord


class Exchange:
    """The receiving end of effects, in one partition."""

    def __init__(self, partition: Partition, owners: Owners, outbox: Outbox, members: MemberEffects) -> None:
        self._partition = partition
        self._owners = owners
        self._outbox = outbox
        self._members = members

    def take(self, record: LogRecord, effect: EffectRecord) -> None:
        """Apply a signed effect if it is the next one of its sender.

        A lower number has been applied before. A higher one comes again: its sender has not had the ones before
        acknowledged, so it sends them all once more, in order.
        """
        data = effect.data
        if self._in_turn(data.sender, data.number):
            self._partition.count(accounting.EFFECTS_APPLIED)
            self._apply(record, effect)

    def top_up(self) -> None:
        """Ask for slices of budgets that may be needed, those of announced policies too; return those that are over."""
        log_time_ms = self._partition.row.log_time_ms
        policy = self._partition.versions.announced().policy
        for campaign in policy.compiled.budgets.values():
            if log_time_ms < to_ms(campaign.end):
                effect = self._partition.slices.request(campaign, log_time_ms)
                if effect is not None:
                    self._outbox.send(effect)
        for effect in self._partition.slices.retire(log_time_ms, policy.input.lateness_ms):
            self._outbox.send(effect)

    def _in_turn(self, sender: int, number: int) -> bool:
        expected = self._partition.row.effects_in.get(sender, 0)
        if number == expected:
            self._partition.row.effects_in[sender] = number + 1
            return True
        self._partition.count(accounting.EFFECTS_REPEATED if number < expected else accounting.EFFECTS_AHEAD)
        return False

    def _apply(self, record: LogRecord, effect: EffectRecord) -> None:
        body = effect.data.effect
        match body:
            case Claim() | ClaimReturn() | BudgetRequest():
                self._ask_owner(effect, body)
            case BudgetGrant():
                self._partition.slices.granted(effect.subject.removeprefix(BUDGET), body)
            case ClaimAnswer() | DrawWon() | Referred() | ReferralEarned() | ReferralUndone():
                self._members.tell(record, effect, body)
            case IdentityLink() | IdentityMerge() | Forwarded() | ForwardedVerdict() | ForwardedOffer():
                self._members.tell(record, effect, body)
            case _:
                assert_never(body)

    def _ask_owner(self, request: EffectRecord, body: OwnerRequest) -> None:
        """Let the owner decide, by the policy in force at log time; slices of a budget are asked for ahead of it."""
        versions = self._partition.versions
        ahead = isinstance(body, BudgetRequest)
        scope = versions.announced() if ahead else versions.at_due(self._partition.row.log_time_ms)
        owner = self._owners.change(request.subject)
        if isinstance(owner, DrawState) and isinstance(body, Claim):
            sale = sell(owner, request.subject.removeprefix(DRAW), body, self._sale_at(request.time_ms))
            for published in sale.records:
                self._outbox.publish(published)
            self._outbox.send(Effect(body.holder, request.time_ms, sale.answer(request.subject, body)))
            return
        for effect in ask(owner, Asked(request.subject, request.time_ms, body, scope, request.data.sender)):
            self._outbox.send(effect)

    def reveal(self, revealed: Reveal) -> str:
        """Let a draw know its seed; returns why it cannot be revealed, if so."""
        owner = self._owners.change(DRAW + revealed.draw)
        if not isinstance(owner, DrawState):
            return f"{revealed.draw!r} is no draw"
        log_time_ms = self._partition.row.log_time_ms
        at = self._sale_at(log_time_ms)
        for published in open_draw(owner, revealed.draw, at):
            self._outbox.publish(published)
        refusal = objection(owner, revealed, log_time_ms)
        for said in [] if refusal else reveal(owner, revealed, at):
            if isinstance(said, Effect):
                self._outbox.send(said)
            else:
                self._outbox.publish(said)
        return refusal

    def _sale_at(self, time_ms: int) -> SaleAt:
        log_time_ms = self._partition.row.log_time_ms
        return SaleAt(time_ms, log_time_ms, self._partition.versions.at_due(log_time_ms), self._owners.change)

"""Settling the charges of calls: what records, retries and usage have in common.

A batch is settled for the customers first, then for the resellers above them, level by level, then
for the suppliers; each party has a charge of its own for each call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chassis.database.unit_of_work import EventPosition, UnitOfWork
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.charge import ChargeRevision
from services.rating.domain.charges.settlement import RECORD_KINDS, InputKind
from services.rating.store.charges import NO_EVENT
from services.rating.usecases.parties import (
    customers_of,
    paid_by_their_payers,
    reseller_calls,
    supplier_calls,
)
from services.rating.usecases.settling.charge_events import (
    HeldSettlement,
    Settlements,
    record_settlements,
)
from services.rating.usecases.settling.counter_locks import lock_counters_of
from services.rating.usecases.settling.join_sessions import end_joined, join_sessions
from services.rating.usecases.settling.moved_calls import withdraw_moved
from services.rating.usecases.settling.note_margins import note_margins
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.settling.settle_wave import SettledWave, settle_wave
from services.rating.usecases.tariffs import Tariffs


class SettledCounts(NamedTuple):
    """What a batch led to; charges of resellers and suppliers are not counted."""

    opened: int = 0
    priced: int = 0
    unrated: int = 0

    def __add__(self, other: object) -> SettledCounts:
        """Both together."""
        if not isinstance(other, SettledCounts):
            return NotImplemented
        return SettledCounts(*map(sum, zip(self, other, strict=True)))


class SettledParties(NamedTuple):
    """What became of calls that were settled together."""

    first: SettledWave
    """For the parties that they were settled for first."""
    held: Sequence[HeldSettlement]
    """What holds of sessions pay."""


def settle_calls(
    uow: UnitOfWork,
    tariffs: Tariffs,
    tenant_id: str,
    calls: CallBatch,
    kind: InputKind,
    position: EventPosition,
) -> SettledCounts:
    """Price calls, settle their charges and publish what changed.

    `position` is the event of cdr that brought the calls, noted in the charges that it opens.
    """
    counts = SettledCounts()
    if not calls:
        return counts
    pricing = CallPricing(uow, tariffs, tenant_id)
    join_sessions(pricing, calls)
    reserved = pricing.sessions.reserved_for(calls)
    customers = zip(calls.account_ids, calls.payer_account_ids, strict=True)
    lock_counters_of(pricing, customers, reserved)
    pricing.return_units(reserved)
    for wave in calls.waves(pricing.sessions.charge_starts(calls)):
        first = settle_parties(pricing, wave, kind, position).first
        end_joined(pricing, first)
        counts += SettledCounts(first.opened_count, first.priced_count, first.unrated_count)
    pricing.save_counters()
    return counts


def settle_parties(
    pricing: CallPricing, calls: CallBatch, kind: InputKind, position: EventPosition
) -> SettledParties:
    """Settle calls, no two of the same charge, for all their parties."""
    settled = [settle_wave(pricing, calls, kind, position)]
    above = _parties_above(pricing, customers_of(settled[0].settled_calls()))
    settled += [settle_wave(pricing, others, kind, NO_EVENT) for others in above]
    held = _record(pricing, settled, kind)
    note_margins(pricing, settled, kind)
    return SettledParties(settled[0], held)


def _parties_above(pricing: CallPricing, calls: CallBatch) -> Iterator[CallBatch]:
    """The calls of each level of resellers, then those of suppliers."""
    level = reseller_calls(calls, pricing.accounts)
    while level is not None:
        pricing.hold(level.account_ids)
        level = paid_by_their_payers(level, pricing.accounts)
        yield level
        level = reseller_calls(level, pricing.accounts)
    costs = supplier_calls(calls, pricing.tariff)
    if costs is not None:
        yield costs


def _record(
    pricing: CallPricing, waves: Sequence[SettledWave], kind: InputKind
) -> list[HeldSettlement]:
    parts = [wave.settlements() for wave in waves]
    if kind in RECORD_KINDS:
        parts.append(Settlements.of(_withdrawn(pricing, waves, parts)))
    settlements = Settlements.joined([part for part in parts if len(part.charges)])
    return record_settlements(pricing.uow, pricing.tenant_id, settlements, pricing.sessions)


def _withdrawn(
    pricing: CallPricing, waves: Sequence[SettledWave], settled: Sequence[Settlements]
) -> list[ChargeRevision]:
    """What parties were charged who have no part any more in a call whose record was corrected."""
    corrected = [
        charge
        for part in settled
        if any(revision > 1 for revision in part.charges["call_revision"])
        for charge in part.charges.revisions
        if charge.call_revision > 1
    ]
    if not corrected:
        return []
    current = {charge_id for wave in waves for charge_id in wave.opened["charge_id"]}
    return withdraw_moved(pricing, corrected, current)

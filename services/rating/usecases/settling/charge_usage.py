"""Charging what platforms report themselves: messages, data sessions and calls without a record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import MS_PER_SECOND, to_micros
from kernel.e164 import DialledNumber
from kernel.errors import DomainError
from kernel.ids import time_key
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charges.settlement import InputKind, Outcome
from services.rating.domain.errors import unrated, usage_conflict
from services.rating.domain.receipts.receipt import quantity_of
from services.rating.domain.usage import Service
from services.rating.store.charges import NO_EVENT
from services.rating.usecases.settling.counter_locks import lock_counters_of
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.settling.settle_calls import settle_parties
from services.rating.usecases.settling.settle_wave import SettledWave
from services.rating.usecases.tariffs import Tariffs


class UsageRecord(NamedTuple):
    """One use of a service, as a platform reports it."""

    key_kind: int
    key: str
    revision: int
    account_id: str
    service: Service
    quantity: int
    """Seconds, messages or bytes."""
    caller: str
    callee: DialledNumber
    start_time: datetime


def charge_usages(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, records: Sequence[UsageRecord]
) -> list[ChargeRevision | DomainError]:
    """The charge of each record, in order, or why it has none; one without changes nothing.

    A record of a known key and revision gets the charge that is there.
    """
    pricing = CallPricing(uow, tariffs, tenant_id)
    ids = {record.account_id for record in records}
    pricing.hold(ids)
    lock_counters_of(pricing, pricing.with_payers(ids))
    results: list[ChargeRevision | DomainError] = []
    for wave in _waves(records):
        results += _charge(pricing, wave)
    pricing.save_counters()
    return results


def charge_usage(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, record: UsageRecord
) -> ChargeRevision:
    """The charge of one record.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NO_PLAN, NO_RATE, NO_EXCHANGE_RATE, CURRENCY_MISMATCH,
            INVALID_DURATION, INVALID_QUANTITY, USAGE_CONFLICT.
    """
    [result] = charge_usages(uow, tariffs, tenant_id, [record])
    if isinstance(result, DomainError):
        raise result
    return result


def _waves(records: Sequence[UsageRecord]) -> list[list[UsageRecord]]:
    """The records in order, cut before each key that comes again."""
    waves: list[list[UsageRecord]] = []
    seen: set[tuple[int, str]] = set()
    for record in records:
        key = (record.key_kind, record.key)
        if not waves or key in seen:
            waves.append([])
            seen.clear()
        seen.add(key)
        waves[-1].append(record)
    return waves


def _charge(
    pricing: CallPricing, records: Sequence[UsageRecord]
) -> list[ChargeRevision | DomainError]:
    settled = settle_parties(pricing, _batch(pricing, records), InputKind.USAGE, NO_EVENT).first
    return [_result(record, settled, place) for place, record in enumerate(records)]


def _result(record: UsageRecord, settled: SettledWave, place: int) -> ChargeRevision | DomainError:
    opening, state = settled.opened.revisions[place], settled.states()[place]
    is_known = bool(state.receipt) and quantity_of(state.receipt) == record.quantity
    if opening.outcome == Outcome.UNRATED and not is_known:
        return unrated(
            opening.unrated_reason, account_id=record.account_id, callee=record.callee.digits
        )
    if settled.is_unchanged(place) and not is_known:
        return usage_conflict(record.key, quantity_of(state.receipt), record.quantity)
    return state


def _batch(pricing: CallPricing, records: Sequence[UsageRecord]) -> CallBatch:
    def is_voice(record: UsageRecord) -> bool:
        return record.service is Service.VOICE

    starts = [to_micros(record.start_time) for record in records]
    accounts = pricing.accounts
    ids = [record.account_id for record in records]
    return CallBatch(
        call_ids=[_record_id(pricing.tenant_id, record) for record in records],
        call_revisions=[max(1, record.revision) for record in records],
        call_key_kinds=[record.key_kind for record in records],
        call_keys=[record.key for record in records],
        legs=["a"] * len(records),
        account_ids=ids,
        payer_account_ids=[
            accounts[each].payer_account_id if each in accounts else each for each in ids
        ],
        callers=[record.caller for record in records],
        callees=[record.callee.digits for record in records],
        callee_kinds=[record.callee.kind for record in records],
        starts_micros=starts,
        durations_ms=[
            record.quantity * MS_PER_SECOND if is_voice(record) else 0 for record in records
        ],
        answered=[1] * len(records),
        begins_micros=starts,
        services=[record.service for record in records],
        quantities=[0 if is_voice(record) else record.quantity for record in records],
        egress_trunks=[""] * len(records),
        routing_numbers=[""] * len(records),
        parties=[Party.CUSTOMER] * len(records),
        levels=[0] * len(records),
    )


def _record_id(tenant_id: str, record: UsageRecord) -> bytes:
    """What its revisions have in common."""
    return time_key(record.start_time, tenant_id, "usage", str(record.key_kind), record.key)

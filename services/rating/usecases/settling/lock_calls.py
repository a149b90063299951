"""Locking what the calls of several events are settled with, before any of them is.

Charging locks sessions first and counters then. A transaction that settled event by event would
take the sessions of the second after the counters of the first, and meet charging in a circle.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.bulk.call_batch import CallBatch, CustomerKey
from services.rating.usecases.settling.counter_locks import lock_counters_of
from services.rating.usecases.settling.join_sessions import lock_sessions_of
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.tariffs import Tariffs


class CallsToLock(NamedTuple):
    """What tells which sessions and counters calls of a tenant may move."""

    tenant_id: str
    call_keys: frozenset[str]
    starts_micros: frozenset[int]
    customers: frozenset[CustomerKey]

    @classmethod
    def of(cls, tenant_id: str, calls: CallBatch) -> CallsToLock:
        """What tells it of a batch."""
        customers = zip(calls.account_ids, calls.payer_account_ids, strict=True)
        starts = frozenset(calls.starts_micros)
        return cls(tenant_id, frozenset(calls.call_keys), starts, frozenset(customers))


def lock_calls(uow: UnitOfWork, tariffs: Tariffs, events: Iterable[CallsToLock]) -> None:
    """Lock the sessions, accounts and counters of calls, each kind at once, tenant by tenant."""
    by_tenant: dict[str, list[CallsToLock]] = {}
    for event in events:
        if event.call_keys:
            by_tenant.setdefault(event.tenant_id, []).append(event)
    for tenant_id, together in sorted(by_tenant.items()):
        pricing = CallPricing(uow, tariffs, tenant_id)
        keys = {key for each in together for key in each.call_keys}
        starts = {start for each in together for start in each.starts_micros}
        sessions = lock_sessions_of(pricing, keys, starts) or ()
        reserved = [use for session in sessions for use in session.reserved]
        customers = {customer for each in together for customer in each.customers}
        lock_counters_of(pricing, customers, reserved)

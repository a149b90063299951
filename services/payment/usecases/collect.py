"""Collects: asks the gateway for what is pending until each has an outcome, whatever is killed.

Money moves at the gateway only when a debit is settled by its reference, which was stored before.
So whoever comes later goes on with what is stored, and any number may do so at once.
"""

import asyncio
import logging
from datetime import datetime
from functools import partial
from typing import Protocol

from opentelemetry import metrics
from sqlalchemy import Connection

from chassis.database.engine import DATABASE_ERRORS, Database
from kernel.clock import Clock, utc_now
from services.payment.domain.collection import Collection
from services.payment.domain.gateway import (
    Debit,
    DebitRefused,
    GatewayUnavailable,
    InstrumentDetails,
    Settlement,
    SettlementState,
)
from services.payment.store.collections import (
    due_collections,
    note_reference,
    oldest_pending_time,
    replace_pending,
)
from services.payment.store.payment_instruments import get_instrument
from services.payment.usecases.end_collection import end_collection

COLLECTIONS_AT_ONCE_MAX = 20

ENDED = "tollbook.collections.ended"
OLDEST_PENDING = "tollbook.collections.oldest_pending"
OUTCOME = "tollbook.collection.outcome"

_meter = metrics.get_meter("tollbook")
_ended = _meter.create_counter(ENDED, description="Collections that have ended, by their outcome.")
_oldest_pending = _meter.create_gauge(
    OLDEST_PENDING, unit="s", description="How long the oldest pending collection waits."
)
_logger = logging.getLogger(__name__)


class Gateway(Protocol):
    """What is asked of a payment gateway; each may raise GatewayUnavailable."""

    async def describe(
        self, tenant_id: str, customer_reference: str, method_reference: str
    ) -> InstrumentDetails:
        """What is known of an instrument. Raises a DomainError where it cannot be used."""
        ...

    async def prepare(self, debit: Debit) -> str:
        """The reference of a debit that takes no money yet. Raises DebitRefused."""
        ...

    async def settle(self, tenant_id: str, reference: str) -> Settlement:
        """Take the money of a prepared debit, or tell what has become of it."""
        ...


async def collect_due(database: Database, gateway: Gateway, clock: Clock = utc_now) -> None:
    """Attempt every collection that is due, some at once; each has its turn again later."""
    while due := await database.read(
        partial(due_collections, now=clock(), limit=COLLECTIONS_AT_ONCE_MAX)
    ):
        now = clock()
        await asyncio.gather(*(_attempt(database, gateway, each, now) for each in due))
    oldest = await database.read(oldest_pending_time)
    _oldest_pending.set((clock() - oldest).total_seconds() if oldest else 0)


async def _attempt(database: Database, gateway: Gateway, found: Collection, now: datetime) -> None:
    """Attempt a collection, unless another replica has begun to."""
    collection = found.attempted(now)
    if not await database.write(lambda uow: replace_pending(uow.connection, found, collection)):
        return
    name = f"collection {collection.collection_id} of {collection.tenant_id}"
    try:
        await _go_on(database, gateway, collection)
    except GatewayUnavailable as error:
        _logger.warning("%s waits after attempt %s: %s", name, collection.attempt_count, error)
    except DATABASE_ERRORS:
        raise
    except Exception:
        _logger.exception("%s cannot be ended, and is attempted again later", name)


async def _go_on(database: Database, gateway: Gateway, collection: Collection) -> None:
    """Go on from what is stored: to a reference, to an outcome, to its end."""
    if not collection.reference:
        debit = await database.read(lambda connection: _debit(connection, collection))
        try:
            reference = await gateway.prepare(debit)
        except DebitRefused as refusal:
            declined = Settlement(SettlementState.DECLINED, failure_code=refusal.failure_code)
            return await _end(database, collection, declined)
        collection = await database.write(
            lambda uow: note_reference(uow.connection, collection, reference)
        )
        if not collection.is_pending:
            # Somebody was refused what we have prepared, which therefore is never settled.
            return None
    settlement = await gateway.settle(collection.tenant_id, collection.reference)
    if settlement.state != SettlementState.PENDING:
        await _end(database, collection, settlement)
    return None


async def _end(database: Database, collection: Collection, settlement: Settlement) -> None:
    if await database.write(lambda uow: end_collection(uow, collection, settlement)):
        _ended.add(1, {OUTCOME: settlement.state.name.lower()})


def _debit(connection: Connection, collection: Collection) -> Debit:
    tenant_id = collection.tenant_id
    reference = get_instrument(connection, tenant_id, collection.instrument_id).reference
    return Debit(
        tenant_id=tenant_id,
        collection_id=collection.collection_id,
        amount=collection.amount,
        customer_reference=reference.customer,
        method_reference=reference.method,
        description=f"Account {collection.account_id}",
    )

"""Collects: asks the gateway for what is pending until each has an outcome, whatever is killed.

Money moves at the gateway only when a debit is settled by its reference, which was stored before.
So whoever comes later goes on with what is stored, and any number may do so at once.
"""

import asyncio
import logging
from functools import partial

from opentelemetry import metrics
from sqlalchemy import Connection

from chassis.database.engine import DATABASE_ERRORS, Database
from kernel.clock import Clock, utc_now
from services.payment.domain.collections.collection import Collection
from services.payment.domain.collections.gateway import (
    Debit,
    DebitRefused,
    GatewayUnavailable,
    Settlement,
    SettlementState,
)
from services.payment.gateways.stripe import StripeGateway
from services.payment.store.collections import (
    due_collections,
    note_reference,
    oldest_pending_time,
    replace_pending,
)
from services.payment.store.payment_instruments import find_instrument
from services.payment.usecases.collections.end_collection import end_collection

COLLECTIONS_AT_ONCE_MAX = 20
COLLECTIONS_PER_ROUND = 500

# Why a collection is declined that the gateway has not heard of.
DETACHED = "instrument_detached"

ENDED = "tollbook.collections.ended"
OLDEST_PENDING = "tollbook.collections.oldest_pending"
OUTCOME = "tollbook.collection.outcome"

_meter = metrics.get_meter("tollbook")
_ended = _meter.create_counter(ENDED, description="Collections that have ended, by their outcome.")
_oldest_pending = _meter.create_gauge(
    OLDEST_PENDING, unit="s", description="How long the oldest pending collection waits."
)
_logger = logging.getLogger(__name__)


class Collector:
    """Asks one gateway; every replica may have one."""

    def __init__(self, database: Database, gateway: StripeGateway, clock: Clock = utc_now) -> None:
        self._database = database
        self._gateway = gateway
        self._clock = clock
        self._places = asyncio.Semaphore(COLLECTIONS_AT_ONCE_MAX)

    async def collect_due(self) -> None:
        """Attempt every collection that is due; each has its turn again later.

        The next round begins when the slowest answer of this one has come, or nobody waits for it.
        """
        while due := await self._database.read(
            partial(due_collections, now=self._clock(), limit=COLLECTIONS_PER_ROUND)
        ):
            async with asyncio.TaskGroup() as group:
                for found in due:
                    group.create_task(self._attempt(found))
        oldest = await self._database.read(oldest_pending_time)
        _oldest_pending.set((self._clock() - oldest).total_seconds() if oldest else 0)

    async def _attempt(self, found: Collection) -> None:
        """Attempt a collection when there is a place, unless another replica has begun to."""
        async with self._places:
            collection = found.attempted(self._clock())
            if await self._database.write(
                lambda uow: replace_pending(uow.connection, found, collection)
            ):
                await self._outlive_failures(collection)

    async def _outlive_failures(self, collection: Collection) -> None:
        """Whatever happens to one collection keeps no other waiting."""
        name = f"collection {collection.collection_id} of {collection.tenant_id}"
        try:
            await self._go_on(collection)
        except GatewayUnavailable as error:
            _logger.warning("%s waits after attempt %s: %s", name, collection.attempt_count, error)
        except DATABASE_ERRORS:
            raise
        except Exception:
            _logger.exception("%s cannot be ended, and is attempted again later", name)

    async def _go_on(self, collection: Collection) -> None:
        """Go on from what is stored: to a reference, to an outcome, to its end."""
        if not collection.reference:
            try:
                collection = await self._prepared(collection)
            except DebitRefused as refusal:
                declined = Settlement(SettlementState.DECLINED, failure_code=refusal.failure_code)
                return await self._end(collection, declined)
        # What somebody was refused meanwhile has ended without us, and is never settled.
        if collection.is_pending:
            settlement = await self._gateway.settle(collection.tenant_id, collection.reference)
            await self._end(collection, settlement)
        return None

    async def _prepared(self, collection: Collection) -> Collection:
        """The collection with the reference that it is settled by."""
        debit = await self._database.read(lambda connection: _debit(connection, collection))
        reference = await self._gateway.prepare(debit)
        return await self._database.write(
            lambda uow: note_reference(uow.connection, collection, reference)
        )

    async def _end(self, collection: Collection, settlement: Settlement) -> None:
        if settlement.state == SettlementState.PENDING:
            return
        if await self._database.write(lambda uow: end_collection(uow, collection, settlement)):
            _ended.add(1, {OUTCOME: settlement.state.name.lower()})


def _debit(connection: Connection, collection: Collection) -> Debit:
    """What is asked of the gateway. Raises DebitRefused where the instrument was detached."""
    tenant_id = collection.tenant_id
    instrument = find_instrument(connection, tenant_id, collection.instrument_id)
    if instrument is None:
        raise DebitRefused(DETACHED)
    reference = instrument.reference
    return Debit(
        tenant_id=tenant_id,
        collection_id=collection.collection_id,
        amount=collection.amount,
        customer_reference=reference.customer,
        method_reference=reference.method,
        description=f"Account {collection.account_id}",
    )

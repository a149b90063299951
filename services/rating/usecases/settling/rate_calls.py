"""Rating the calls of one event of cdr."""

from chassis.database.unit_of_work import EventPosition, UnitOfWork
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.audit import BatchCounts
from services.rating.domain.charges.settlement import InputKind
from services.rating.store.audit import note_batch
from services.rating.usecases.settling.settle_calls import settle_calls
from services.rating.usecases.tariffs import Tariffs


def rate_calls(
    uow: UnitOfWork,
    tariffs: Tariffs,
    tenant_id: str,
    calls: CallBatch,
    position: EventPosition,
) -> None:
    """Price every call, settle its charge and publish what changed; no call spoils the others.

    `position` is the event of cdr that brought the calls.
    """
    counts = settle_calls(uow, tariffs, tenant_id, calls, InputKind.CALL_RECORD, position)
    collected = len(calls)
    note_batch(
        uow.connection, position, tenant_id, BatchCounts(collected, collected - counts.opened)
    )

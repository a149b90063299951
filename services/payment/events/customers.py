"""CustomerErased, of invoice: forgets what money could be taken from."""

from collections.abc import Collection, Iterable

from chassis.bus.handler import EventHandler, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from services.payment.store.journal import take_turns
from services.payment.usecases.collections.keep_instruments import forget_instruments, turns_of
from tollbook.invoice.v1.invoice_events_pb2 import CustomerErased


def _forget_customer(unit_of_work: UnitOfWork, event: ReceivedEvent[CustomerErased]) -> None:
    forget_instruments(unit_of_work, event.tenant_id, event.body.account_ids)


def _lock(
    unit_of_work: UnitOfWork,
    events: Iterable[ReceivedEvent[CustomerErased]],
    partitions: Collection[int],
) -> None:
    """Take the turns of the accounts with those of the transaction, in one order."""
    turns = (turns_of(event.tenant_id, event.body.account_ids) for event in events)
    take_turns(unit_of_work.connection, set(partitions).union(*turns))


CUSTOMER_ERASED = EventHandler(CustomerErased, one_by_one(_forget_customer), _lock)

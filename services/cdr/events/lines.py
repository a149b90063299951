"""Follows invoice's lines and accounts, and has records retried whose line has come to be known."""

from chassis.bus.handler import EventHandler, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import range_from_proto
from services.cdr.store.lines import put_account, put_line
from services.cdr.store.suspense import mark_due
from services.cdr.store.tallies import lock_intakes
from tollbook.invoice.v1.invoice_events_pb2 import AccountChanged, LineChanged


def on_line_changed(uow: UnitOfWork, event: ReceivedEvent[LineChanged]) -> None:
    """Store the line; records that wait for it are due."""
    line = event.body
    start, end = range_from_proto(line.validity)
    lock_intakes(uow.connection, event.tenant_id)
    put_line(
        uow.connection,
        tenant_id=event.tenant_id,
        line_id=line.line_id,
        kind=line.kind,
        identifier=line.identifier,
        account_id=line.account_id,
        payer_account_id=line.payer_account_id or line.account_id,
        start_time=start,
        end_time=end,
    )
    mark_due(uow.connection, event.tenant_id, line.kind, line.identifier)


def on_account_changed(uow: UnitOfWork, event: ReceivedEvent[AccountChanged]) -> None:
    """Store who pays for the account."""
    account = event.body
    put_account(
        uow.connection,
        event.tenant_id,
        account.account_id,
        account.payer_account_id or account.account_id,
    )


LINE_CHANGED = EventHandler(LineChanged, one_by_one(on_line_changed))
ACCOUNT_CHANGED = EventHandler(AccountChanged, one_by_one(on_account_changed))

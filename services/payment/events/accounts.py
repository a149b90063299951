"""AccountChanged, of invoice: keeps what the ledger needs to know of an account."""

from chassis.bus.handler import EventHandler, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from kernel.period import zone_of
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.store.accounts import save_account
from services.payment.store.funds import create_funds
from tollbook.invoice.v1.invoice_events_pb2 import AccountChanged


def _remember_account(unit_of_work: UnitOfWork, event: ReceivedEvent[AccountChanged]) -> None:
    body = event.body
    account = Account(
        tenant_id=event.tenant_id,
        account_id=body.account_id,
        legal_entity_id=body.legal_entity_id,
        payer_account_id=body.payer_account_id,
        currency=body.currency_code,
        mode=PaymentMode(body.payment_mode),
        time_zone=body.time_zone,
    )
    # Days and months of spending could not be told apart in a zone that is none.
    zone_of(account.time_zone)
    save_account(unit_of_work.connection, account, event.sequence)
    create_funds(unit_of_work.connection, account)


ACCOUNT_CHANGED = EventHandler(AccountChanged, one_by_one(_remember_account))

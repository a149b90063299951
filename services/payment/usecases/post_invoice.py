"""Posts an issued invoice; the wallet of a prepaid account settles it at once."""

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto, time_to_proto
from services.payment.domain.account import Account
from services.payment.domain.hash_chain import ChainedEntry
from services.payment.domain.ledger import EntryReason
from services.payment.domain.posting_rules import Cause, InvoiceAmounts, invoice_entries
from services.payment.store.accounts import account_of
from services.payment.store.journal import append_entries
from services.payment.usecases.announce_balances import announce_balances
from tollbook.payment.v1.payment_events_pb2 import PaymentSettled


def post_invoice(
    unit_of_work: UnitOfWork,
    tenant_id: str,
    account_id: str,
    amounts: InvoiceAmounts,
    cause: Cause,
) -> None:
    """Post an invoice to the books of its account; one at zero moves no money.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, CURRENCY_MISMATCH, UNBALANCED_ENTRY.
    """
    account = account_of(unit_of_work.connection, tenant_id, account_id)
    account.require_payer()
    entries = list(invoice_entries(account, amounts, cause))
    if not entries:
        return
    for entry in append_entries(unit_of_work, account.chain, entries):
        if entry.reason == EntryReason.PAYMENT and amounts.total.micros > 0:
            _announce_settlement(unit_of_work, account, amounts, entry)
    announce_balances(unit_of_work, [account])


def _announce_settlement(
    unit_of_work: UnitOfWork, account: Account, amounts: InvoiceAmounts, entry: ChainedEntry
) -> None:
    """Tell invoice that it is paid; no payment came in, so the entry's id stands for one."""
    event = PaymentSettled(
        payment_id=str(entry.journal_entry_id),
        account_id=account.account_id,
        amount=money_to_proto(amounts.total),
        invoice_id=entry.reference,
        settle_time=time_to_proto(entry.create_time),
    )
    unit_of_work.publish(event, account.tenant_id, account.chain.partition)

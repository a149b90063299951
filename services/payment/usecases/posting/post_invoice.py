"""Posts an issued invoice."""

from chassis.database.unit_of_work import UnitOfWork
from services.payment.domain.ledger.posting_rules import Cause, InvoiceAmounts, invoice_entries
from services.payment.store.accounts import account_of
from services.payment.store.journal import append_entries
from services.payment.usecases.balances.announce_balances import announce_balances


def post_invoice(
    unit_of_work: UnitOfWork,
    tenant_id: str,
    account_id: str,
    amounts: InvoiceAmounts,
    cause: Cause,
) -> None:
    """Post an invoice to the books of its account; one at zero moves no money.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NOT_A_PAYER, PREPAID_INVOICE, CURRENCY_MISMATCH,
            UNBALANCED_ENTRY.
    """
    account = account_of(unit_of_work.connection, tenant_id, account_id)
    account.require_payer()
    entries = list(invoice_entries(account, amounts, cause))
    if not entries:
        return
    append_entries(unit_of_work, account.chain, entries)
    announce_balances(unit_of_work, [account])

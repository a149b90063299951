"""What the documents of an invoice show."""

from sqlalchemy import Connection

from services.invoice.domain.billing_period import period_key
from services.invoice.domain.document import InvoiceDocument
from services.invoice.store import accounts, documents, usage
from services.invoice.store.vault import Vault
from services.invoice.usecases.load import load_invoice


def get_invoice_document(
    connection: Connection, vault: Vault, tenant_id: str, invoice_id: str
) -> InvoiceDocument:
    """An invoice with its parties and all charges of its period. Raises INVOICE_NOT_FOUND."""
    invoice = load_invoice(connection, tenant_id, invoice_id)
    issuer, recipient = documents.find_parties(connection, vault, tenant_id, invoice_id)
    key = period_key(tenant_id, invoice.account_id, invoice.span.start)
    charges = list(usage.charges(connection, tenant_id, key))
    callers = accounts.find_accounts(connection, tenant_id, {each.account_id for each in charges})
    codes = {account_id: account.code for account_id, account in callers.items()}
    return InvoiceDocument(invoice, issuer, recipient, charges, codes)

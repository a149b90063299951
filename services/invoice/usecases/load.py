"""Loading what must be there, or saying that it is not."""

from sqlalchemy import Connection

from services.invoice.domain.account import Account
from services.invoice.domain.errors import not_found
from services.invoice.domain.invoice import Invoice
from services.invoice.domain.resources import Customer
from services.invoice.store import accounts, customers, invoices
from services.invoice.store.vault import Vault


def load_account(connection: Connection, tenant_id: str, account_id: str) -> Account:
    """An account. Raises ACCOUNT_NOT_FOUND."""
    found = accounts.find_account(connection, tenant_id, account_id)
    if found is None:
        raise not_found("account", account_id)
    return found


def load_customer(
    connection: Connection, vault: Vault, tenant_id: str, customer_id: str
) -> Customer:
    """A customer. Raises CUSTOMER_NOT_FOUND."""
    found = customers.find_customer(connection, vault, tenant_id, customer_id)
    if found is None:
        raise not_found("customer", customer_id)
    return found


def load_invoice(connection: Connection, tenant_id: str, invoice_id: str) -> Invoice:
    """An invoice. Raises INVOICE_NOT_FOUND."""
    found = invoices.find_invoice(connection, tenant_id, invoice_id)
    if found is None:
        raise not_found("invoice", invoice_id)
    return found

"""The erasure of a customer's personal data (GDPR, article 17)."""

from dataclasses import replace

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.resources import Customer
from services.invoice.store import accounts, customers
from services.invoice.store.vault import Vault, customer_owner, destroy_key
from services.invoice.usecases import announce
from services.invoice.usecases.load import load_customer


def erase_customer(uow: UnitOfWork, vault: Vault, tenant_id: str, customer_id: str) -> Customer:
    """Destroy the key, and tell the others. Raises CUSTOMER_NOT_FOUND.

    Issued invoices keep their recipient under keys of their own: the law wants them kept
    (article 17, paragraph 3). Erasing twice is erasing once.
    """
    customer = load_customer(uow.connection, vault, tenant_id, customer_id)
    if customer.personal is not None:
        destroy_key(uow.connection, tenant_id, customer_owner(customer_id))
        customers.blank_personal_fields(uow.connection, tenant_id, customer_id)
        owned = accounts.accounts_of_customer(uow.connection, tenant_id, customer_id)
        announce.customer_erased(uow, tenant_id, customer_id, owned)
    return replace(customer, personal=None)

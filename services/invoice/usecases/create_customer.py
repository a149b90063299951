"""A new customer, whose personal data is sealed with a key of its own."""

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.errors import exists
from services.invoice.domain.resources import Customer
from services.invoice.store import customers
from services.invoice.store.vault import Vault
from services.invoice.usecases import announce


def create_customer(uow: UnitOfWork, vault: Vault, tenant_id: str, customer: Customer) -> Customer:
    """Create a customer and announce it. Raises CUSTOMER_EXISTS."""
    if not customers.insert_customer(uow.connection, vault, tenant_id, customer):
        raise exists("customer", customer.external_id)
    announce.customer_changed(uow, tenant_id, customer)
    return customer

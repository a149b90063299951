"""The keys of personal data: one for each customer, one for each issued document.

They have a table of their own, so that back-ups can leave it out or forget it early: without its
key a sealed text cannot be read again by anybody.
"""

from sqlalchemy import Connection, delete, insert, select

from chassis.security.sealing import DataKey, MasterKey
from services.invoice.store import schema


class Vault:
    """Makes, finds and destroys the keys of owners, which it keeps wrapped by the master key."""

    def __init__(self, master: MasterKey) -> None:
        self._master = master

    def new_key(self, connection: Connection, tenant_id: str, owner: str) -> DataKey:
        """Make and keep the key of a new owner."""
        wrapped = self._master.new_data_key(_full_name(tenant_id, owner))
        values = {"tenant_id": tenant_id, "owner": owner, "wrapped_key": wrapped}
        connection.execute(insert(schema.personal_key).values(values))
        return self._master.unwrap(wrapped, _full_name(tenant_id, owner))

    def find_key(self, connection: Connection, tenant_id: str, owner: str) -> DataKey | None:
        """The key of an owner; None once it was destroyed."""
        query = select(schema.personal_key.c.wrapped_key).filter_by(
            tenant_id=tenant_id, owner=owner
        )
        wrapped = connection.execute(query).scalar_one_or_none()
        return wrapped and self._master.unwrap(bytes(wrapped), _full_name(tenant_id, owner))


def destroy_key(connection: Connection, tenant_id: str, owner: str) -> None:
    """Destroy the key of an owner: what it sealed is erased."""
    table = schema.personal_key
    connection.execute(delete(table).where(table.c.tenant_id == tenant_id, table.c.owner == owner))


def customer_owner(customer_id: str) -> str:
    """The owner of a customer's personal data."""
    return f"customer/{customer_id}"


def document_owner(invoice_id: str) -> str:
    """The owner of the recipient on an issued document, which outlives the customer's erasure."""
    return f"invoice/{invoice_id}"


def _full_name(tenant_id: str, owner: str) -> str:
    return f"{tenant_id}/{owner}"

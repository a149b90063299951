"""Queries on customers, whose personal fields are sealed here and nowhere else opened."""

from typing import Any

from sqlalchemy import Connection, Row, select

from chassis.database.insert import insert_if_new
from chassis.database.pages import Page, PageRequest, page_of
from services.invoice.domain.resources import Customer, PersonalData
from services.invoice.store import schema
from services.invoice.store.vault import Vault, customer_owner

PERSONAL_FIELDS = ("display_name", "address", "email")


def insert_customer(
    connection: Connection, vault: Vault, tenant_id: str, customer: Customer
) -> bool:
    """Whether id and external id are both new; only then the customer gets a key."""
    if not insert_if_new(connection, schema.customer, _unsealed(tenant_id, customer)):
        return False
    key = vault.new_key(connection, tenant_id, customer_owner(customer.customer_id))
    sealed = {
        field: key.seal(getattr(customer.personal, field), _place(customer.customer_id, field))
        for field in PERSONAL_FIELDS
    }
    _update(connection, tenant_id, customer.customer_id, sealed)
    return True


def blank_personal_fields(connection: Connection, tenant_id: str, customer_id: str) -> None:
    """Forget the sealed bytes too; without their key they are noise already."""
    _update(connection, tenant_id, customer_id, dict.fromkeys(PERSONAL_FIELDS, b""))


def is_customer(connection: Connection, tenant_id: str, customer_id: str) -> bool:
    """Whether there is such a customer."""
    query = select(schema.customer.c.customer_id).filter_by(
        tenant_id=tenant_id, customer_id=customer_id
    )
    return connection.execute(query).one_or_none() is not None


def find_customer(
    connection: Connection, vault: Vault, tenant_id: str, customer_id: str
) -> Customer | None:
    """A customer by id."""
    query = select(schema.customer).filter_by(tenant_id=tenant_id, customer_id=customer_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_customer(connection, vault, row)


def list_customers(
    connection: Connection, vault: Vault, tenant_id: str, request: PageRequest
) -> Page[Customer]:
    """A tenant's customers by external id."""
    table = schema.customer
    query = select(table).where(table.c.tenant_id == tenant_id)
    page = page_of(connection, query, [table.c.external_id], request)
    return page.mapped(lambda row: _to_customer(connection, vault, row))


def _unsealed(tenant_id: str, customer: Customer) -> dict[str, Any]:
    return {
        "tenant_id": tenant_id,
        "customer_id": customer.customer_id,
        "external_id": customer.external_id,
        "country_code": customer.country_code,
        "create_time": customer.create_time,
        **dict.fromkeys(PERSONAL_FIELDS, b""),
    }


def _update(
    connection: Connection, tenant_id: str, customer_id: str, values: dict[str, bytes]
) -> None:
    table = schema.customer
    connection.execute(
        table.update()
        .where(table.c.tenant_id == tenant_id, table.c.customer_id == customer_id)
        .values(values)
    )


def _to_customer(connection: Connection, vault: Vault, row: Row[Any]) -> Customer:
    return Customer(
        customer_id=row.customer_id,
        external_id=row.external_id,
        country_code=row.country_code,
        create_time=row.create_time,
        personal=_opened(connection, vault, row),
    )


def _opened(connection: Connection, vault: Vault, row: Row[Any]) -> PersonalData | None:
    key = vault.find_key(connection, row.tenant_id, customer_owner(row.customer_id))
    if key is None:
        return None
    opened = {
        field: key.open(bytes(getattr(row, field)), _place(row.customer_id, field))
        for field in PERSONAL_FIELDS
    }
    return PersonalData(**opened)


def _place(customer_id: str, field: str) -> str:
    return f"customer/{customer_id}/{field}"

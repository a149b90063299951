"""Queries on tenants, legal entities and tax rates."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, select

from chassis.database.insert import insert_if_new
from chassis.database.pages import Page, PageRequest, page_of
from services.invoice.domain.resources import LegalEntity, Tenant
from services.invoice.domain.tax import TaxRate
from services.invoice.store import schema

ADDRESS_SEPARATOR = "\n"


def insert_tenant(connection: Connection, tenant: Tenant) -> bool:
    """Whether the tenant is new."""
    values = {
        "tenant_id": tenant.tenant_id,
        "display_name": tenant.display_name,
        "create_time": tenant.create_time,
    }
    return insert_if_new(connection, schema.tenant, values)


def list_tenants(connection: Connection, request: PageRequest) -> Page[Tenant]:
    """The tenants by id."""
    table = schema.tenant
    page = page_of(connection, select(table), [table.c.tenant_id], request)
    return page.mapped(lambda row: Tenant(row.tenant_id, row.display_name, row.create_time))


def insert_legal_entity(connection: Connection, tenant_id: str, entity: LegalEntity) -> bool:
    """Whether id, code and invoice prefix are all new."""
    values = {
        "tenant_id": tenant_id,
        "legal_entity_id": entity.legal_entity_id,
        "code": entity.code,
        "display_name": entity.display_name,
        "address": ADDRESS_SEPARATOR.join(entity.address_lines),
        "country_code": entity.country_code,
        "tax_number": entity.tax_number,
        "invoice_prefix": entity.invoice_prefix,
    }
    return insert_if_new(connection, schema.legal_entity, values)


def find_legal_entity(
    connection: Connection, tenant_id: str, legal_entity_id: str
) -> LegalEntity | None:
    """A legal entity by id."""
    return _one_legal_entity(connection, tenant_id, legal_entity_id=legal_entity_id)


def find_legal_entity_by_code(
    connection: Connection, tenant_id: str, code: str
) -> LegalEntity | None:
    """A legal entity by code."""
    return _one_legal_entity(connection, tenant_id, code=code)


def list_legal_entities(
    connection: Connection, tenant_id: str, request: PageRequest
) -> Page[LegalEntity]:
    """A tenant's legal entities by code."""
    table = schema.legal_entity
    query = select(table).where(table.c.tenant_id == tenant_id)
    return page_of(connection, query, [table.c.code], request).mapped(_to_legal_entity)


def insert_tax_rate(connection: Connection, tenant_id: str, rate: TaxRate) -> bool:
    """Whether id, and country with day, are both new."""
    values = {
        "tenant_id": tenant_id,
        "tax_rate_id": rate.tax_rate_id,
        "country_code": rate.country_code,
        "display_name": rate.display_name,
        "basis_points": rate.basis_points,
        "effective_time": rate.effective_time,
    }
    return insert_if_new(connection, schema.tax_rate, values)


def list_tax_rates(connection: Connection, tenant_id: str, request: PageRequest) -> Page[TaxRate]:
    """A tenant's tax rates by country and day."""
    table = schema.tax_rate
    query = select(table).where(table.c.tenant_id == tenant_id)
    order = [table.c.country_code, table.c.effective_time]
    return page_of(connection, query, order, request).mapped(_to_tax_rate)


def find_tax_rate(
    connection: Connection, tenant_id: str, country_code: str, period_end: datetime
) -> TaxRate | None:
    """The rate of a country for a period: the latest in force before the period's end."""
    table = schema.tax_rate
    query = (
        select(table)
        .where(
            table.c.tenant_id == tenant_id,
            table.c.country_code == country_code,
            table.c.effective_time < period_end,
        )
        .order_by(table.c.effective_time.desc())
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_tax_rate(row)


def _one_legal_entity(connection: Connection, tenant_id: str, **key: str) -> LegalEntity | None:
    query = select(schema.legal_entity).filter_by(tenant_id=tenant_id, **key)
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_legal_entity(row)


def _to_legal_entity(row: Row[Any]) -> LegalEntity:
    return LegalEntity(
        legal_entity_id=row.legal_entity_id,
        code=row.code,
        display_name=row.display_name,
        address_lines=tuple(row.address.split(ADDRESS_SEPARATOR)) if row.address else (),
        country_code=row.country_code,
        tax_number=row.tax_number,
        invoice_prefix=row.invoice_prefix,
    )


def _to_tax_rate(row: Row[Any]) -> TaxRate:
    return TaxRate(
        row.tax_rate_id, row.country_code, row.display_name, row.basis_points, row.effective_time
    )

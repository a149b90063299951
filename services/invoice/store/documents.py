"""Queries on the parties of an issued invoice, as they were on the day of issue."""

from typing import Any

from sqlalchemy import Connection, select

from services.invoice.domain.document import Issuer, Recipient
from services.invoice.domain.resources import Customer, LegalEntity
from services.invoice.store import schema
from services.invoice.store.vault import Vault, document_owner

LINE_FEED = "\n"


def parties_at_issue(
    connection: Connection,
    vault: Vault,
    tenant_id: str,
    invoice_id: str,
    issuer: LegalEntity,
    recipient: Customer,
) -> dict[str, Any]:
    """The issuer and recipient columns of a new invoice; its recipient gets a key of its own."""
    key = vault.new_key(connection, tenant_id, document_owner(invoice_id))
    name, address = "", ""
    if recipient.personal is not None:
        name, address = recipient.personal.display_name, recipient.personal.address
    return {
        "issuer_name": issuer.display_name,
        "issuer_address": LINE_FEED.join(issuer.address_lines),
        "issuer_tax_number": issuer.tax_number,
        "recipient_external_id": recipient.external_id,
        "recipient_name": key.seal(name, _place(invoice_id, "name")),
        "recipient_address": key.seal(address, _place(invoice_id, "address")),
    }


def find_parties(
    connection: Connection, vault: Vault, tenant_id: str, invoice_id: str
) -> tuple[Issuer, Recipient]:
    """The parties of an invoice that is there."""
    query = select(schema.invoice).filter_by(tenant_id=tenant_id, invoice_id=invoice_id)
    row = connection.execute(query).one()
    issuer = Issuer(row.issuer_name, _lines(row.issuer_address), row.issuer_tax_number)
    key = vault.find_key(connection, tenant_id, document_owner(invoice_id))
    if key is None:
        return issuer, Recipient(row.recipient_external_id, "", ())
    name = key.open(bytes(row.recipient_name), _place(invoice_id, "name"))
    address = key.open(bytes(row.recipient_address), _place(invoice_id, "address"))
    return issuer, Recipient(row.recipient_external_id, name, _lines(address))


def _lines(text: str) -> tuple[str, ...]:
    return tuple(text.split(LINE_FEED)) if text else ()


def _place(invoice_id: str, field: str) -> str:
    return f"invoice/{invoice_id}/{field}"

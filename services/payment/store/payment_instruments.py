"""The payment instruments that were attached."""

from typing import Any

from sqlalchemy import Connection, Row, delete, exists, select

from chassis.database.insert import insert_if_new
from chassis.database.pages import Page, PageRequest, page_of
from services.payment.domain.collections.collection_errors import (
    instrument_exists,
    instrument_in_use,
    instrument_not_found,
)
from services.payment.domain.collections.gateway import InstrumentDetails, InstrumentKind
from services.payment.domain.collections.payment_instrument import (
    InstrumentReference,
    PaymentInstrument,
)
from services.payment.store.collection_schema import (
    payment_instrument_table,
    top_up_policy_table,
)

_columns = payment_instrument_table.c
_policy = top_up_policy_table.c


def insert_instrument(connection: Connection, instrument: PaymentInstrument) -> None:
    """Keep an instrument. Raises INSTRUMENT_EXISTS."""
    reference, details = instrument.reference, instrument.details
    values = {
        "tenant_id": instrument.tenant_id,
        "instrument_id": instrument.instrument_id,
        "account_id": instrument.account_id,
        "gateway": reference.gateway,
        "customer_reference": reference.customer,
        "method_reference": reference.method,
        "kind": int(details.kind),
        "label": details.label,
        "expire_month": details.expire_month,
        "create_time": instrument.create_time,
    }
    if not insert_if_new(connection, payment_instrument_table, values):
        raise instrument_exists(reference.method)


def get_instrument(
    connection: Connection, tenant_id: str, instrument_id: str, account_id: str = ""
) -> PaymentInstrument:
    """An instrument of a tenant, or of that account. Raises INSTRUMENT_NOT_FOUND."""
    found = find_instrument(connection, tenant_id, instrument_id)
    if found is None or account_id not in ("", found.account_id):
        raise instrument_not_found(instrument_id)
    return found


def find_instrument(
    connection: Connection, tenant_id: str, instrument_id: str
) -> PaymentInstrument | None:
    """An instrument that was attached, unless it has been forgotten since."""
    query = select(payment_instrument_table).where(
        _columns.tenant_id == tenant_id, _columns.instrument_id == instrument_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _instrument(row)


def remove_instrument(connection: Connection, instrument: PaymentInstrument) -> None:
    """Forget an instrument, in the turn of its account's partition. Raises INSTRUMENT_IN_USE."""
    key = (instrument.tenant_id, instrument.instrument_id)
    named = exists().where(_policy.tenant_id == key[0], _policy.instrument_id == key[1])
    if connection.execute(select(named)).scalar_one():
        raise instrument_in_use(instrument.instrument_id)
    statement = delete(payment_instrument_table).where(
        _columns.tenant_id == key[0], _columns.instrument_id == key[1]
    )
    connection.execute(statement)


def remove_instruments(connection: Connection, tenant_id: str, account_id: str) -> None:
    """Forget all instruments of an account, which no policy names, in the turn of its partition."""
    statement = delete(payment_instrument_table).where(
        _columns.tenant_id == tenant_id, _columns.account_id == account_id
    )
    connection.execute(statement)


def list_instruments(
    connection: Connection, tenant_id: str, account_id: str, page: PageRequest
) -> Page[PaymentInstrument]:
    """The instruments of a tenant, or of one account, newest first."""
    query = select(payment_instrument_table).where(_columns.tenant_id == tenant_id)
    if account_id:
        query = query.where(_columns.account_id == account_id)
    order = (_columns.create_time, _columns.instrument_id)
    return page_of(connection, query, order, page, newest_first=True).mapped(_instrument)


def _instrument(row: Row[Any]) -> PaymentInstrument:
    return PaymentInstrument(
        tenant_id=row.tenant_id,
        instrument_id=row.instrument_id,
        account_id=row.account_id,
        reference=InstrumentReference(row.gateway, row.customer_reference, row.method_reference),
        details=InstrumentDetails(InstrumentKind(row.kind), row.label, row.expire_month),
        create_time=row.create_time,
    )

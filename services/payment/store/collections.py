"""The collections: each time that money was asked for, and what became of it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, case, exists, func, insert, literal, select, update

from chassis.database.pages import Page, PageRequest, page_of
from kernel.money import Money
from services.payment.domain.collections.collection import Collection, CollectionPurpose
from services.payment.domain.collections.collection_errors import collection_not_found
from services.payment.domain.collections.gateway import InstrumentKind, SettlementState
from services.payment.domain.collections.top_up import Taken
from services.payment.domain.ledger.account import Account
from services.payment.domain.payment import METHODS_OF_INSTRUMENTS
from services.payment.store.collection_schema import PENDING, collection_table
from services.payment.store.schema import payment_table

_columns = collection_table.c
_payment = payment_table.c

_IS_PENDING = _columns.state == PENDING


def insert_collection(connection: Connection, collection: Collection) -> None:
    """Begin a collection, in the turn of its account's partition."""
    values = {
        "tenant_id": collection.tenant_id,
        "collection_id": collection.collection_id,
        "account_id": collection.account_id,
        "instrument_id": collection.instrument_id,
        "gateway": collection.gateway,
        "kind": int(collection.kind),
        "currency": collection.amount.currency,
        "amount_micros": collection.amount.micros,
        "purpose": int(collection.purpose),
        "invoice_id": collection.invoice_id,
        "actor": collection.actor,
        "reference": collection.reference,
        "create_time": collection.create_time,
        **_standing(collection),
    }
    connection.execute(insert(collection_table), values)


def replace_pending(connection: Connection, former: Collection, collection: Collection) -> bool:
    """Store how a pending collection stands; False when another one has changed it meanwhile."""
    statement = update(collection_table).where(
        _columns.tenant_id == former.tenant_id,
        _columns.collection_id == former.collection_id,
        _columns.attempt_count == former.attempt_count,
        _IS_PENDING,
    )
    return connection.execute(statement.values(**_standing(collection))).rowcount == 1


def note_reference(connection: Connection, collection: Collection, reference: str) -> Collection:
    """Store what the gateway calls a pending collection, unless that is known; returns it as it is.

    Whoever settles goes by what is stored, so that no two references of it are ever settled.
    """
    statement = update(collection_table).where(
        _columns.tenant_id == collection.tenant_id,
        _columns.collection_id == collection.collection_id,
        _columns.reference == "",
        _IS_PENDING,
    )
    connection.execute(statement.values(reference=reference))
    return get_collection(connection, collection.tenant_id, collection.collection_id)


def get_collection(
    connection: Connection, tenant_id: str, collection_id: str, lock: bool = False
) -> Collection:
    """Return a collection, locked until the commit if asked for. Raises COLLECTION_NOT_FOUND."""
    query = select(collection_table).where(
        _columns.tenant_id == tenant_id, _columns.collection_id == collection_id
    )
    row = connection.execute(query.with_for_update() if lock else query).one_or_none()
    if row is None:
        raise collection_not_found(collection_id)
    return _collection(row)


def has_collection(connection: Connection, tenant_id: str, collection_id: str) -> bool:
    """Whether a collection has this id, and so will its payment."""
    found = exists().where(_columns.tenant_id == tenant_id, _columns.collection_id == collection_id)
    return bool(connection.execute(select(found)).scalar_one())


def list_collections(
    connection: Connection, tenant_id: str, account_id: str, page: PageRequest
) -> Page[Collection]:
    """The collections of a tenant, or of one account, newest first."""
    query = select(collection_table).where(_columns.tenant_id == tenant_id)
    if account_id:
        query = query.where(_columns.account_id == account_id)
    order = (_columns.create_time, _columns.collection_id)
    return page_of(connection, query, order, page, newest_first=True).mapped(_collection)


def due_collections(connection: Connection, now: datetime, limit: int) -> list[Collection]:
    """Pending collections of all tenants whose next attempt is due, the longest first."""
    query = select(collection_table).where(_IS_PENDING, _columns.next_attempt_time <= now)
    order = (_columns.next_attempt_time, _columns.collection_id)
    return [_collection(row) for row in connection.execute(query.order_by(*order).limit(limit))]


def oldest_pending_time(connection: Connection) -> datetime | None:
    """When the oldest of all pending collections was wanted."""
    oldest: datetime | None = connection.execute(
        select(func.min(_columns.create_time)).where(_IS_PENDING)
    ).scalar_one()
    return oldest


def taken_by_top_ups(connection: Connection, account: Account, now: datetime) -> Taken:
    """What top-ups have taken of an account in the day and month that it is there, or may yet."""
    today = account.local_date(now)
    midnight, first = account.midnight(today), account.midnight(today.replace(day=1))
    is_of_today = _columns.create_time >= midnight
    query = select(
        func.count(case((is_of_today, 1))),
        func.sum(case((is_of_today, _columns.amount_micros), else_=0)),
        func.sum(_columns.amount_micros),
    ).where(
        _columns.tenant_id == account.tenant_id,
        _columns.account_id == account.account_id,
        _columns.create_time >= first,
        _columns.purpose == CollectionPurpose.TOP_UP,
        _columns.state != SettlementState.DECLINED,
    )
    return Taken(*(int(each or 0) for each in connection.execute(query).one()))


def unmatched_collections(connection: Connection) -> list[tuple[str, str, int, int]]:
    """By tenant and id, what succeeded collections have received where no payment says the same.

    And the other way round: what payments say that gateways have taken.
    """
    received = select(
        _columns.tenant_id,
        _columns.collection_id,
        func.coalesce(_columns.received_micros, 0).label("received"),
        literal(0).label("paid"),
    ).where(_columns.state == SettlementState.SUCCEEDED)
    paid = select(_payment.tenant_id, _payment.payment_id, literal(0), _payment.micros).where(
        _payment.method.in_(METHODS_OF_INSTRUMENTS)
    )
    both = received.union_all(paid).subquery().c
    sums = (func.sum(both.received), func.sum(both.paid))
    key = (both.tenant_id, both.collection_id)
    query = select(*key, *sums).group_by(*key).having(sums[0] != sums[1]).order_by(*key)
    return [(row[0], row[1], int(row[2]), int(row[3])) for row in connection.execute(query)]


def _standing(collection: Collection) -> dict[str, Any]:
    received = collection.received
    return {
        "state": int(collection.state),
        "attempt_count": collection.attempt_count,
        "failure_code": collection.failure_code,
        "received_micros": None if received is None else received.micros,
        "next_attempt_time": collection.next_attempt_time,
        "end_time": collection.end_time,
    }


def _collection(row: Row[Any]) -> Collection:
    received = row.received_micros
    return Collection(
        tenant_id=row.tenant_id,
        collection_id=row.collection_id,
        account_id=row.account_id,
        instrument_id=row.instrument_id,
        gateway=row.gateway,
        kind=InstrumentKind(row.kind),
        amount=Money(row.currency, row.amount_micros),
        purpose=CollectionPurpose(row.purpose),
        actor=row.actor,
        create_time=row.create_time,
        next_attempt_time=row.next_attempt_time,
        invoice_id=row.invoice_id,
        state=SettlementState(row.state),
        reference=row.reference,
        attempt_count=row.attempt_count,
        failure_code=row.failure_code,
        received=None if received is None else Money(row.currency, received),
        end_time=row.end_time,
    )

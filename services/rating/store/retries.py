"""What is to be tried again, and how far that has come."""

from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from kernel.ids import new_uuid
from services.rating.store.schema import retry_request

ALL_ACCOUNTS = ""


class RetryRequest(NamedTuple):
    """Whose calls are to be tried again, and after which charge; None while it has not begun."""

    request_id: str
    tenant_id: str
    account_id: str
    after_charge_id: bytes | None


def ask_retry(connection: Connection, tenant_id: str, account_id: str) -> None:
    """Ask for calls to be tried again.

    A row of its own each time: to change one that a retry is at work on would wait for it, while
    it may wait for us.
    """
    values = {"request_id": new_uuid(), "tenant_id": tenant_id, "account_id": account_id}
    connection.execute(insert(retry_request), values)


def has_retries(connection: Connection) -> bool:
    """Whether anything is to be tried again."""
    return connection.execute(select(retry_request.c.tenant_id).limit(1)).first() is not None


def next_retry(connection: Connection) -> RetryRequest | None:
    """The oldest request that no other replica is at work on; locked."""
    query = (
        select(*(retry_request.c[name] for name in RetryRequest._fields))
        .order_by(retry_request.c.request_id)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else RetryRequest(*row)


def join_retries(connection: Connection, request: RetryRequest) -> None:
    """Drop requests that ask for no more than one that is about to begin."""
    table = retry_request.c
    query = select(table.request_id).where(
        table.tenant_id == request.tenant_id,
        table.request_id != request.request_id,
        table.after_charge_id.is_(None),
    )
    if request.account_id != ALL_ACCOUNTS:
        query = query.where(table.account_id == request.account_id)
    # What another replica has locked it will do itself.
    same = query.with_for_update(skip_locked=True)
    connection.execute(delete(retry_request).where(table.request_id.in_(same)))


def note_retried(connection: Connection, request: RetryRequest, last: bytes | None) -> None:
    """Remember how far a request has come; None when it is done."""
    is_request = retry_request.c.request_id == request.request_id
    if last is None:
        connection.execute(delete(retry_request).where(is_request))
    else:
        values = {"after_charge_id": last}
        connection.execute(update(retry_request).where(is_request).values(values))

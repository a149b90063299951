"""Calls that wait for a price, and what is to be tried again."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, delete, func, select, type_coerce

from chassis.database.bulk import insert_rows
from kernel.period import Period
from services.rating.domain.call_batch import CallBatch
from services.rating.domain.errors import INVALID_DURATION
from services.rating.store.rows import upsert
from services.rating.store.schema import retry_request, unrated_call

ALL_ACCOUNTS = ""
# Before every charge.
FIRST = bytes(16)

_CALL_NAMES = (
    "call_id", "call_revision", "call_key_kind", "call_key", "leg", "account_id",
    "payer_account_id", "caller", "callee", "callee_kind", "start_time", "duration_ms", "answered",
)  # fmt: skip


class RetryRequest(NamedTuple):
    """What is to be tried again, and how far that has come."""

    tenant_id: str
    account_id: str
    after_charge_id: bytes


def keep_unrated(
    connection: Connection,
    tenant_id: str,
    calls: CallBatch,
    kept: Iterable[tuple[int, bytes, str]],
) -> None:
    """Store calls without a price: the place in the batch, the charge and the reason of each."""
    columns = [getattr(calls, name) for name in CallBatch.__dataclass_fields__]
    rows = [
        (charge_id, tenant_id, reason, *(column[place] for column in columns))
        for place, charge_id, reason in kept
    ]
    insert_rows(connection, unrated_call, ("charge_id", "tenant_id", "reason", *_CALL_NAMES), rows)


def forget_unrated(connection: Connection, charge_ids: Collection[bytes]) -> None:
    """Delete calls that have a price now."""
    connection.execute(delete(unrated_call).where(unrated_call.c.charge_id.in_(charge_ids)))


def read_unrated(
    connection: Connection, tenant_id: str, account_id: str, after: bytes, limit: int
) -> tuple[list[bytes], CallBatch]:
    """The next calls to try again, with their charges. A wrong record is not: it needs another."""
    columns = [unrated_call.c[name] for name in _CALL_NAMES]
    start = _CALL_NAMES.index("start_time")
    micros = type_coerce(unrated_call.c.start_time, BigInteger)
    query = (
        select(unrated_call.c.charge_id, *columns[:start], micros, *columns[start + 1 :])
        .where(
            unrated_call.c.tenant_id == tenant_id,
            unrated_call.c.charge_id > after,
            unrated_call.c.reason != INVALID_DURATION,
        )
        .order_by(unrated_call.c.charge_id)
        .limit(limit)
    )
    if account_id != ALL_ACCOUNTS:
        query = query.where(unrated_call.c.account_id == account_id)
    rows = connection.execute(query).all()
    if not rows:
        return [], CallBatch(*([] for _ in _CALL_NAMES))
    charge_ids, *calls = (list(column) for column in zip(*rows, strict=True))
    return charge_ids, CallBatch(*calls)


def count_unrated(
    connection: Connection, tenant_id: str, payer_account_id: str, period: Period
) -> int:
    """How many calls of a payer's period have no price."""
    table = unrated_call.c
    query = select(func.count()).where(
        table.tenant_id == tenant_id,
        table.payer_account_id == payer_account_id,
        table.start_time >= period.start,
        table.start_time < period.end,
    )
    return connection.execute(query).scalar_one()


def ask_retry(connection: Connection, tenant_id: str, account_id: str, moment: datetime) -> None:
    """Ask for calls to be tried again from the first; asking twice is asking once."""
    values = {
        "tenant_id": tenant_id,
        "account_id": account_id,
        "after_charge_id": FIRST,
        "request_time": moment,
    }
    upsert(connection, retry_request, values)


def next_retry(connection: Connection) -> RetryRequest | None:
    """The oldest request that no other replica is at work on; locked."""
    query = (
        select(*(retry_request.c[name] for name in RetryRequest._fields))
        .order_by(retry_request.c.request_time)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else RetryRequest(*row)


def has_retries(connection: Connection) -> bool:
    """Whether anything is to be tried again."""
    return connection.execute(select(retry_request.c.tenant_id).limit(1)).first() is not None


def note_retried(connection: Connection, request: RetryRequest, last: bytes | None) -> None:
    """Remember how far a request has come; None when it is done."""
    table = retry_request.c
    is_request = (table.tenant_id == request.tenant_id, table.account_id == request.account_id)
    if last is None:
        connection.execute(delete(retry_request).where(*is_request))
    else:
        statement = retry_request.update().where(*is_request).values(after_charge_id=last)
        connection.execute(statement)

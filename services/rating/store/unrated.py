"""Calls that wait for a price."""

from collections.abc import Collection, Iterable

from sqlalchemy import BigInteger, Connection, delete, func, select, type_coerce

from chassis.database.bulk import insert_rows
from kernel.period import Period
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.errors import INVALID_DURATION
from services.rating.store.retries import ALL_ACCOUNTS
from services.rating.store.schema import unrated_call

# Before every charge.
FIRST = bytes(16)

# In the order of CallBatch.
_CALL_NAMES = (
    "call_id", "call_revision", "call_key_kind", "call_key", "leg", "account_id",
    "payer_account_id", "caller", "callee", "callee_kind", "start_time", "duration_ms", "answered",
    "begin_time", "service", "quantity", "egress_trunk", "routing_number", "party", "party_level",
)  # fmt: skip


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


def waiting_charges(
    connection: Connection, tenant_id: str, account_id: str, after: bytes, limit: int
) -> list[bytes]:
    """The next calls to try again, by charge. A wrong record is not: it needs another."""
    table = unrated_call.c
    query = (
        select(table.charge_id)
        .where(
            table.tenant_id == tenant_id,
            table.charge_id > after,
            table.reason != INVALID_DURATION,
        )
        .order_by(table.charge_id)
        .limit(limit)
    )
    if account_id != ALL_ACCOUNTS:
        query = query.where(table.account_id == account_id)
    return list(connection.execute(query).scalars())


def read_unrated(connection: Connection, charge_ids: Collection[bytes]) -> CallBatch:
    """The calls that still wait, of some charges."""
    # Times stay microseconds.
    columns = {
        **{name: unrated_call.c[name] for name in _CALL_NAMES},
        "start_time": type_coerce(unrated_call.c.start_time, BigInteger),
        "begin_time": type_coerce(unrated_call.c.begin_time, BigInteger),
    }
    query = select(*columns.values()).where(unrated_call.c.charge_id.in_(charge_ids))
    rows = connection.execute(query.order_by(unrated_call.c.charge_id)).all()
    return CallBatch(*(zip(*rows, strict=True) if rows else ([] for _ in _CALL_NAMES)))


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

"""The steps that were executed, with what they were answered."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, select, tuple_

from chassis.database.bulk import insert_rows
from chassis.database.direct import Direct
from kernel.clock import to_micros
from kernel.errors import DomainError, ErrorKind
from kernel.money import Money
from services.payment.domain.funds.transfers import Executed, Result
from services.payment.store.funds_schema import transfer_table
from services.payment.store.holds import hold_of_values, values_of_hold

_columns = transfer_table.c
_NAMES = [column.name for column in _columns]

_FIND = Direct(
    select(_columns.request_id, _columns.fingerprint, _columns.result).where(
        _columns.tenant_id == bindparam("tenant_id"),
        _columns.request_id.in_(bindparam("request_ids", expanding=True)),
    )
)


def executed_of(
    connection: Connection, tenant_id: str, request_ids: Iterable[str]
) -> dict[str, Executed]:
    """The steps among these that were executed before."""
    keys = {"tenant_id": tenant_id, "request_ids": list(request_ids)}
    return {
        request_id: Executed(fingerprint, _result(json.loads(result)))
        for request_id, fingerprint, result in _FIND.rows(connection, keys)
    }


def insert_executed(
    connection: Connection, tenant_id: str, executed: Mapping[str, Executed], now: datetime
) -> None:
    """Remember steps that were executed now."""
    create_time = to_micros(now)
    rows = [
        (tenant_id, request_id, step.fingerprint, _text(step.result), create_time)
        for request_id, step in executed.items()
    ]
    insert_rows(connection, transfer_table, _NAMES, rows)


def purge_transfers(connection: Connection, before: datetime, limit: int) -> int:
    """Forget what was executed before; returns how many."""
    key = tuple_(_columns.tenant_id, _columns.request_id)
    old = (
        select(_columns.tenant_id, _columns.request_id)
        .where(_columns.create_time < before)
        .limit(limit)
    )
    return connection.execute(delete(transfer_table).where(key.in_(old))).rowcount


def _text(result: Result) -> str:
    hold, error, available = result
    return json.dumps(
        [
            None if hold is None else values_of_hold(hold),
            None
            if error is None
            else [error.kind.name, error.reason, error.message, error.metadata],
            None if available is None else [available.currency, available.micros],
        ]
    )


def _result(stored: list[Any]) -> Result:
    hold, error, available = stored
    return Result(
        None if hold is None else hold_of_values(*hold),
        None if error is None else DomainError(ErrorKind[error[0]], *error[1:]),
        None if available is None else Money(*available),
    )

"""What was answered while payment or the database did not, each answer once."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, select, tuple_

from chassis.database.insert import insert_if_new
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.offline import OfflineAnswer
from services.rating.store.charging_schema import offline_answer


class StoredOfflineAnswer(NamedTuple):
    """An answer as it is kept."""

    session_id: str
    sequence: int
    account_id: str
    verdict: Verdict
    reason: Reason
    granted_seconds: int
    answer_time: datetime
    store_time: datetime


def keep_offline_answers(uow: UnitOfWork, answers: Sequence[OfflineAnswer]) -> list[OfflineAnswer]:
    """Store answers; those that were not stored before."""
    return [
        each for each in answers if insert_if_new(uow.connection, offline_answer, _row(uow, each))
    ]


def list_offline_answers(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    before: tuple[datetime, str, int] | None,
    limit: int,
) -> list[StoredOfflineAnswer]:
    """A page of answers, the newest first; of one account, or of all where '' is asked for."""
    table = offline_answer.c
    order = (table.answer_time, table.session_id, table.sequence)
    query = select(offline_answer).where(table.tenant_id == tenant_id)
    if account_id:
        query = query.where(table.account_id == account_id)
    if before is not None:
        query = query.where(tuple_(*order) < before)
    rows = connection.execute(query.order_by(*(each.desc() for each in order)).limit(limit))
    return [_stored(row) for row in rows]


def forget_offline_answers(connection: Connection, answered_before: datetime, limit: int) -> int:
    """Delete answers that were given long ago; tells how many."""
    table = offline_answer.c
    key = (table.tenant_id, table.session_id, table.sequence, table.answer_time)
    old = select(*key).where(table.answer_time < answered_before).limit(limit)
    return connection.execute(delete(offline_answer).where(tuple_(*key).in_(old))).rowcount


def _row(uow: UnitOfWork, given: OfflineAnswer) -> dict[str, Any]:
    answer = given.answer
    return {
        "tenant_id": given.tenant_id,
        "session_id": answer.session_id,
        "sequence": answer.sequence,
        "account_id": given.account_id,
        "verdict": int(answer.verdict),
        "reason": str(answer.reason),
        "granted_seconds": answer.granted_seconds,
        "answer_time": from_micros(given.answer_micros),
        "store_time": uow.now,
    }


def _stored(row: Any) -> StoredOfflineAnswer:
    return StoredOfflineAnswer(
        row.session_id,
        row.sequence,
        row.account_id,
        Verdict(row.verdict),
        Reason(row.reason),
        row.granted_seconds,
        row.answer_time,
        row.store_time,
    )

"""Whose numbers are, as invoice tells it."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from chassis.database.bulk import LOOKUP_PARAMETERS_MAX
from kernel.clock import to_micros
from services.rating.domain.tariffs.relation import LineNumber, NumberOwners
from services.rating.store.routing_schema import line_number
from services.rating.store.rows import upsert_if_newer
from services.rating.store.schema import account

_ALWAYS_FROM_MICROS = 0


def save_line_number(  # noqa: PLR0913  one argument a column
    connection: Connection,
    tenant_id: str,
    line_id: str,
    number: str,
    *,
    account_id: str,
    payer_account_id: str,
    validity: tuple[datetime | None, datetime | None],
    change_time: datetime,
) -> None:
    """Remember whose a number was at a time."""
    values = {
        "tenant_id": tenant_id,
        "line_id": line_id,
        "number": number,
        "account_id": account_id,
        "payer_account_id": payer_account_id,
        "start_time": validity[0],
        "end_time": validity[1],
        "change_time": change_time,
    }
    upsert_if_newer(connection, line_number, values, line_number.c.change_time)


def number_owners(connection: Connection, tenant_id: str, numbers: Collection[str]) -> NumberOwners:
    """Whose some numbers are, whenever."""
    found: dict[str, list[LineNumber]] = {}
    asked = sorted(set(numbers))
    for place in range(0, len(asked), LOOKUP_PARAMETERS_MAX):
        some = asked[place : place + LOOKUP_PARAMETERS_MAX]
        for row in connection.execute(_lines(tenant_id).where(line_number.c.number.in_(some))):
            line = LineNumber(
                row.account_id,
                row.payer,
                to_micros(row.start_time) if row.start_time else _ALWAYS_FROM_MICROS,
                to_micros(row.end_time) if row.end_time else None,
            )
            found.setdefault(row.number, []).append(line)
    return NumberOwners(found)


def _lines(tenant_id: str) -> Select[Any]:
    """Lines with who pays for them now: what an account says goes before what the line said."""
    known = and_(
        account.c.tenant_id == line_number.c.tenant_id,
        account.c.account_id == line_number.c.account_id,
    )
    payer = func.coalesce(account.c.payer_account_id, line_number.c.payer_account_id)
    return (
        select(
            line_number.c.number,
            line_number.c.account_id,
            payer.label("payer"),
            line_number.c.start_time,
            line_number.c.end_time,
        )
        .outerjoin(account, known)
        .where(line_number.c.tenant_id == tenant_id)
        .order_by(line_number.c.line_id)
    )

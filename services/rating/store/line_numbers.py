"""Who pays for called numbers, as invoice tells it."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Connection, Select, and_, func, select

from chassis.database.bulk import LOOKUP_PARAMETERS_MAX
from kernel.clock import to_micros
from services.rating.domain.charging.lines import LineKind
from services.rating.domain.tariffs.relation import LineNumber, NumberOwners
from services.rating.store.charging_schema import line
from services.rating.store.schema import account

_ALWAYS_FROM_MICROS = 0


def number_owners(connection: Connection, tenant_id: str, numbers: Collection[str]) -> NumberOwners:
    """Whose some numbers are, whenever."""
    found: dict[str, list[LineNumber]] = {}
    asked = sorted(set(numbers))
    for place in range(0, len(asked), LOOKUP_PARAMETERS_MAX):
        some = asked[place : place + LOOKUP_PARAMETERS_MAX]
        for row in connection.execute(_numbers(tenant_id).where(line.c.identifier.in_(some))):
            number = LineNumber(
                row.account_id,
                row.payer,
                to_micros(row.start_time) if row.start_time else _ALWAYS_FROM_MICROS,
                to_micros(row.end_time) if row.end_time else None,
            )
            found.setdefault(row.identifier, []).append(number)
    return NumberOwners(found)


def _numbers(tenant_id: str) -> Select[Any]:
    """Numbers with who pays for them now: what an account says goes before what the line said."""
    known = and_(account.c.tenant_id == line.c.tenant_id, account.c.account_id == line.c.account_id)
    payer = func.coalesce(account.c.payer_account_id, line.c.payer_account_id)
    return (
        select(
            line.c.identifier,
            line.c.account_id,
            payer.label("payer"),
            line.c.start_time,
            line.c.end_time,
        )
        .outerjoin(account, known)
        .where(line.c.tenant_id == tenant_id, line.c.kind == LineKind.NUMBER)
        .order_by(line.c.line_id)
    )

"""Return codes that single equipment is told instead of the standard ones."""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from chassis.database.insert import upsert
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.return_codes import ReturnCodes
from services.rating.store.charging_schema import return_code


def set_return_codes(
    connection: Connection,
    tenant_id: str,
    equipment: str,
    reason: Reason,
    codes: ReturnCodes,
    update_time: datetime,
) -> None:
    """Keep what an equipment is told for a reason, in place of what it was told."""
    key = {"tenant_id": tenant_id, "equipment": equipment, "reason": str(reason)}
    upsert(connection, return_code, {**key, **codes._asdict(), "update_time": update_time})


def delete_return_codes(
    connection: Connection, tenant_id: str, equipment: str, reason: Reason
) -> bool:
    """Remove what an equipment is told for a reason; tells whether there was anything."""
    table = return_code.c
    removal = delete(return_code).where(
        table.tenant_id == tenant_id, table.equipment == equipment, table.reason == str(reason)
    )
    return connection.execute(removal).rowcount > 0


def equipment_tables(
    connection: Connection, tenant_id: str
) -> dict[tuple[str, Reason], ReturnCodes]:
    """What the equipment of a tenant is told instead of the standard codes."""
    rows = connection.execute(select(return_code).where(return_code.c.tenant_id == tenant_id))
    return {
        (row.equipment, Reason(row.reason)): ReturnCodes(
            row.sip, row.sip_phrase, row.q850, row.h323
        )
        for row in rows
    }

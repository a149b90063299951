"""The margins of charges."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, select

from chassis.database.insert import insert_into
from services.rating.domain.charges.margin import Margin
from services.rating.store.counter_schema import charge_margin


def save_margins(connection: Connection, tenant_id: str, margins: Sequence[Margin]) -> None:
    """Store margins in place of those that charges had before."""
    if not margins:
        return
    statement = insert_into(connection, charge_margin)
    known = {name: statement.excluded[name] for name in Margin._fields[1:]}
    statement = statement.on_conflict_do_update(index_elements=["charge_id"], set_=known)
    rows = [{"tenant_id": tenant_id, **margin._asdict()} for margin in sorted(margins)]
    connection.execute(statement, rows)


def forget_margins(connection: Connection, charge_ids: Collection[bytes]) -> None:
    """Delete margins that are not known any more."""
    connection.execute(delete(charge_margin).where(charge_margin.c.charge_id.in_(charge_ids)))


def margins_of(connection: Connection, charge_ids: Collection[bytes]) -> dict[bytes, Margin]:
    """The known margins of some charges."""
    columns = (charge_margin.c[name] for name in Margin._fields)
    query = select(*columns).where(charge_margin.c.charge_id.in_(charge_ids))
    return {row.charge_id: Margin(*row) for row in connection.execute(query)}

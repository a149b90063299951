"""Counts what came in, and lets one intake of a source in at a time."""

from sqlalchemy import Connection, select, update

from services.cdr.store.schema import tally_table

_columns = tally_table.c


def lock_intake(connection: Connection, tenant_id: str, source_id: str) -> None:
    """Wait for the other intakes of this source, until this transaction ends.

    What is known of a call is then read and written without a race. (SQLite has one writer anyway.)
    """
    connection.execute(
        select(_columns.source_id)
        .where(_columns.tenant_id == tenant_id, _columns.source_id == source_id)
        .with_for_update()
    )


def lock_intakes(connection: Connection, tenant_id: str) -> None:
    """Wait for the intakes of all the tenant's sources, until this transaction ends.

    A line that becomes known meets every record that was suspended for want of it, and every later
    record meets the line. In the order of the ids, like retries: nobody waits in a circle.
    """
    connection.execute(
        select(_columns.source_id)
        .where(_columns.tenant_id == tenant_id)
        .order_by(_columns.source_id)
        .with_for_update()
    )


def add_to_tally(
    connection: Connection, tenant_id: str, source_id: str, received: int, duplicates: int
) -> None:
    """Count records that were received, and those that were duplicates."""
    connection.execute(
        update(tally_table)
        .where(_columns.tenant_id == tenant_id, _columns.source_id == source_id)
        .values(
            received_count=_columns.received_count + received,
            duplicate_count=_columns.duplicate_count + duplicates,
        )
    )

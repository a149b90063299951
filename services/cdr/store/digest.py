"""Counts the rows of every tenant, for reconciliation."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select

from chassis.database.watermarks import Watermarks
from services.cdr.store.schema import call_table, suspended_record_table, tally_table


class Counts(NamedTuple):
    """What became of a tenant's records."""

    received: int = 0
    accepted: int = 0
    duplicate: int = 0
    suspended: int = 0
    collected: int = 0


def count_records(connection: Connection, watermarks: Watermarks) -> dict[str, Counts]:
    """The counts of every tenant; `collected` up to the watermark of each partition."""
    counts: dict[str, Counts] = {}
    tallies = connection.execute(
        select(
            tally_table.c.tenant_id,
            func.sum(tally_table.c.received_count),
            func.sum(tally_table.c.duplicate_count),
        ).group_by(tally_table.c.tenant_id)
    )
    for tenant_id, received, duplicate in tallies:
        counts[tenant_id] = Counts(received=int(received), duplicate=int(duplicate))
    suspended = connection.execute(
        select(suspended_record_table.c.tenant_id, func.count()).group_by(
            suspended_record_table.c.tenant_id
        )
    )
    for tenant_id, count in suspended:
        counts[tenant_id] = counts.get(tenant_id, Counts())._replace(suspended=count)
    return _add_calls(connection, counts, watermarks)


def _add_calls(
    connection: Connection, counts: dict[str, Counts], watermarks: Watermarks
) -> dict[str, Counts]:
    # A row a tenant and event: few, and each event is wholly below or above its watermark.
    events = connection.execute(
        select(
            call_table.c.tenant_id, call_table.c.partition, call_table.c.sequence, func.count()
        ).group_by(call_table.c.tenant_id, call_table.c.partition, call_table.c.sequence)
    )
    for tenant_id, partition, sequence, count in events:
        before = counts.get(tenant_id, Counts())
        is_below = partition not in watermarks or sequence <= watermarks[partition]
        counts[tenant_id] = before._replace(
            accepted=before.accepted + count,
            collected=before.collected + (count if is_below else 0),
        )
    return counts

"""The counts and sums of reconciliation, recomputed from rows up to watermarks."""

from sqlalchemy import Connection, and_, exists, func, select

from chassis.database.direct import Direct
from chassis.database.unit_of_work import EventPosition
from chassis.database.watermarks import Watermarks, is_counted
from services.rating.domain.charges.audit import BatchCounts, ChargedSum
from services.rating.domain.charges.charge import ChargeKind, Party
from services.rating.store.charges import NO_EVENT
from services.rating.store.schema import charge, rated_batch

_NOTE_BATCH = Direct(rated_batch.insert())


def note_batch(
    connection: Connection, position: EventPosition, tenant_id: str, counts: BatchCounts
) -> None:
    """Remember what one event of cdr brought."""
    values = {
        "source_partition": position.partition,
        "source_sequence": position.sequence,
        "tenant_id": tenant_id,
        "collected_count": counts.collected,
        "merged_count": counts.merged,
    }
    _NOTE_BATCH.run(connection, values)


def batch_counts(connection: Connection, watermarks: Watermarks) -> dict[str, BatchCounts]:
    """What the events of cdr brought to each tenant."""
    table = rated_batch.c
    query = (
        select(table.tenant_id, func.sum(table.collected_count), func.sum(table.merged_count))
        .where(is_counted(watermarks, table.source_partition, table.source_sequence))
        .group_by(table.tenant_id)
    )
    return {
        tenant_id: BatchCounts(int(collected), int(merged))
        for tenant_id, collected, merged in connection.execute(query)
    }


def outcome_counts(connection: Connection, watermarks: Watermarks) -> dict[str, dict[int, int]]:
    """How the calls that those events opened stand now: outcome and count of each tenant."""
    later = charge.alias("later")
    is_superseded = exists().where(
        and_(
            later.c.charge_id == charge.c.charge_id,
            later.c.revision == charge.c.revision + 1,
        )
    )
    query = (
        select(charge.c.tenant_id, charge.c.outcome, func.count())
        .where(
            charge.c.kind == ChargeKind.CALL,
            charge.c.party == Party.CUSTOMER,
            # Usage that a platform reports itself is no record of cdr.
            charge.c.opened_partition != NO_EVENT.partition,
            is_counted(watermarks, charge.c.opened_partition, charge.c.opened_sequence),
            ~is_superseded,
        )
        .group_by(charge.c.tenant_id, charge.c.outcome)
    )
    counts: dict[str, dict[int, int]] = {}
    for tenant_id, outcome, count in connection.execute(query):
        counts.setdefault(tenant_id, {})[outcome] = count
    return counts


def charged_sums(connection: Connection, watermarks: Watermarks) -> dict[str, list[ChargedSum]]:
    """Count and sum of the settlements in our own events, of each tenant and currency."""
    table = charge.c
    query = (
        select(table.tenant_id, table.currency, func.count(), func.sum(table.amount_delta_micros))
        .where(
            table.party != Party.SUPPLIER,
            is_counted(watermarks, table.event_partition, table.event_sequence),
        )
        .group_by(table.tenant_id, table.currency)
        .order_by(table.tenant_id, table.currency)
    )
    sums: dict[str, list[ChargedSum]] = {}
    for tenant_id, currency, count, micros in connection.execute(query):
        sums.setdefault(tenant_id, []).append(ChargedSum(currency, count, int(micros)))
    return sums

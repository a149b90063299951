"""The counts and sums of reconciliation, recomputed from rows up to watermarks."""

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, and_, case, exists, func, or_, select, true

from chassis.database.direct import Direct
from services.rating.domain.charges.audit import BatchCounts, ChargedSum
from services.rating.domain.charges.charge import NO_EVENT, ChargeKind, Party
from services.rating.store.schema import charge, rated_batch

# The last sequence that counts, by partition; a partition without one counts whole.
Watermarks = Mapping[int, int]

_NOTE_BATCH = Direct(rated_batch.insert())


def note_batch(
    connection: Connection, position: tuple[int, int], tenant_id: str, counts: BatchCounts
) -> None:
    """Remember what one event of cdr brought."""
    values = {
        "source_partition": position[0],
        "source_sequence": position[1],
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
        .where(_up_to(table.source_partition, table.source_sequence, watermarks))
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
            charge.c.opened_partition != NO_EVENT[0],
            _up_to(charge.c.opened_partition, charge.c.opened_sequence, watermarks),
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
            _up_to(table.event_partition, table.event_sequence, watermarks),
        )
        .group_by(table.tenant_id, table.currency)
        .order_by(table.tenant_id, table.currency)
    )
    sums: dict[str, list[ChargedSum]] = {}
    for tenant_id, currency, count, micros in connection.execute(query):
        sums.setdefault(tenant_id, []).append(ChargedSum(currency, count, int(micros)))
    return sums


def _up_to(
    partition: ColumnElement[int], sequence: ColumnElement[int], watermarks: Watermarks
) -> ColumnElement[bool]:
    if not watermarks:
        return true()
    last = case(watermarks, value=partition, else_=None)
    return or_(last.is_(None), sequence <= last)

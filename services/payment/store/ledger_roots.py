"""The roots drawn, and what a root is drawn over."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from chassis.database.insert import insert_if_new
from services.payment.domain.ledger.hash_chain import Chain
from services.payment.domain.ledger.ledger_root import ChainRoot, LedgerRoot
from services.payment.domain.ledger.root_audit import StoredRoot
from services.payment.store.schema import (
    chain_head_table,
    chain_root_table,
    journal_entry_table,
    ledger_partition_table,
    ledger_root_table,
)

_root = ledger_root_table.c
_chain = chain_root_table.c
_head = chain_head_table.c
_entry = journal_entry_table.c


def close_time(connection: Connection, end_time: datetime) -> None:
    """Let nothing more be written before a moment; the turns of all partitions are ours."""
    columns = ledger_partition_table.c
    connection.execute(
        update(ledger_partition_table)
        .where(columns.closed_until < end_time)
        .values(closed_until=end_time)
    )


def insert_root(connection: Connection, root: LedgerRoot) -> bool:
    """Store a root, unless another one follows the same root already."""
    values = {
        "end_time": root.end_time,
        "start_time": root.start_time,
        "previous_root": root.previous_root,
        "root": root.root,
        "signature": root.signature or None,
    }
    if not insert_if_new(connection, ledger_root_table, values):
        return False
    rows = [
        {
            "end_time": root.end_time,
            "chain_id": each.chain.chain_id,
            "sequence": each.sequence,
            "head_hash": each.head_hash,
            "entry_count": each.entry_count,
            "entries_root": each.entries_root,
        }
        for each in root.chains
    ]
    if rows:
        connection.execute(insert(chain_root_table), rows)
    return True


def newest_root(connection: Connection) -> StoredRoot | None:
    """The root that the next one follows."""
    query = select(ledger_root_table).order_by(_root.end_time.desc()).limit(1)
    return next(iter(_stored_roots(connection, connection.execute(query).all())), None)


def list_roots(
    connection: Connection, after: datetime | None, until: datetime | None, limit: int | None
) -> list[StoredRoot]:
    """Roots whose ends are later than one moment and not later than another, the oldest first."""
    query = select(ledger_root_table).order_by(_root.end_time).limit(limit)
    if after is not None:
        query = query.where(_root.end_time > after)
    if until is not None:
        query = query.where(_root.end_time <= until)
    return _stored_roots(connection, connection.execute(query).all())


def all_roots(connection: Connection) -> list[StoredRoot]:
    """Every root, the oldest first."""
    return list_roots(connection, None, None, None)


def root_ending(connection: Connection, end_time: datetime) -> StoredRoot | None:
    """The root whose time ends at a moment."""
    query = select(ledger_root_table).where(_root.end_time == end_time)
    return next(iter(_stored_roots(connection, connection.execute(query).all())), None)


def root_over(connection: Connection, moment: datetime) -> StoredRoot | None:
    """The first root that covers what was written at a moment."""
    return next(iter(list_roots(connection, moment, None, limit=1)), None)


def chains_with_heads(connection: Connection) -> list[Chain]:
    """All chains, in the order of their leaves."""
    rows = connection.execute(select(_head.tenant_id, _head.legal_entity_id, _head.partition))
    return sorted(Chain(*row) for row in rows)


def hashes_after(
    connection: Connection, chain: Chain, sequence: int, end_time: datetime
) -> list[bytes]:
    """The hashes of a chain's entries behind a place that were written before a moment."""
    query = (
        select(_entry.hash)
        .where(
            _entry.chain_id == chain.chain_id,
            _entry.chain_sequence > sequence,
            _entry.create_time < end_time,
        )
        .order_by(_entry.chain_sequence)
    )
    return [bytes(value) for value in connection.execute(query).scalars()]


def _stored_roots(connection: Connection, rows: Sequence[Row[Any]]) -> list[StoredRoot]:
    chains = _chain_roots(connection, [row.end_time for row in rows])
    return [
        (
            LedgerRoot(
                row.start_time,
                row.end_time,
                bytes(row.previous_root),
                tuple(sorted(chains[row.end_time], key=lambda each: each.chain)),
                bytes(row.signature or b""),
            ),
            bytes(row.root),
        )
        for row in rows
    ]


def _chain_roots(
    connection: Connection, end_times: Iterable[datetime]
) -> dict[datetime, list[ChainRoot]]:
    query = (
        select(chain_root_table, _head.tenant_id, _head.legal_entity_id, _head.partition)
        .join(chain_head_table, _head.chain_id == _chain.chain_id)
        .where(_chain.end_time.in_(list(end_times)))
    )
    found: dict[datetime, list[ChainRoot]] = defaultdict(list)
    for row in connection.execute(query):
        found[row.end_time].append(
            ChainRoot(
                Chain(row.tenant_id, row.legal_entity_id, row.partition),
                row.sequence,
                bytes(row.head_hash),
                row.entry_count,
                bytes(row.entries_root),
            )
        )
    return found

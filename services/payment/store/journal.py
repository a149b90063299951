"""Writing the journal: entries are chained, stored and added to the balances, or none of it."""

from collections.abc import Sequence

from sqlalchemy import Connection, select, update
from sqlalchemy import text as sql

from chassis.database.bulk import Row, insert_rows
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.payment.domain.hash_chain import Chain, ChainedEntry, ChainHead
from services.payment.domain.ledger import JournalEntry
from services.payment.store.ledger_accounts import add_to_balances
from services.payment.store.schema import chain_head_table, journal_entry_table, posting_table

_head = chain_head_table.c

_ENTRY_COLUMNS = [column.name for column in journal_entry_table.c]
_POSTING_COLUMNS = [column.name for column in posting_table.c]

_CREATE_HEAD = sql(
    "INSERT INTO chain_head (chain_id, tenant_id, legal_entity_id, partition, sequence, hash,"
    " newest_time) VALUES (:chain_id, :tenant_id, :legal_entity_id, :partition, 0, :hash, 0) "
    "ON CONFLICT (chain_id) DO NOTHING"
)


def append_entries(
    unit_of_work: UnitOfWork, chain: Chain, entries: Sequence[JournalEntry]
) -> list[ChainedEntry]:
    """Write entries at the end of their chain.

    The chain stays locked until the transaction ends, so that its order is the order of commits; a
    ledger account belongs to one chain, so that its balance needs no lock of its own. Who writes
    to several chains takes them in their order.
    """
    connection = unit_of_work.connection
    start = head = _lock_head(connection, chain)
    chained = []
    for entry in entries:
        chained.append(head.link(entry, unit_of_work.now))
        head = head.after(chained[-1])
    insert_rows(connection, journal_entry_table, _ENTRY_COLUMNS, _entry_rows(chain, chained))
    insert_rows(connection, posting_table, _POSTING_COLUMNS, _posting_rows(chain, chained))
    add_to_balances(connection, chain, (line for entry in entries for line in entry.postings))
    _move_head(connection, start, head)
    return chained


def _lock_head(connection: Connection, chain: Chain) -> ChainHead:
    columns = (_head.sequence, _head.hash, _head.newest_time)
    query = select(*columns).where(_head.chain_id == chain.chain_id).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        parameters = {
            "chain_id": chain.chain_id,
            "tenant_id": chain.tenant_id,
            "legal_entity_id": chain.legal_entity_id,
            "partition": chain.partition,
            "hash": ChainHead.genesis(chain).hash,
        }
        connection.execute(_CREATE_HEAD, parameters)
        # Another writer may have created it, and more, in the meantime.
        row = connection.execute(query).one()
    return ChainHead(chain, row.sequence, bytes(row.hash), row.newest_time)


def _move_head(connection: Connection, start: ChainHead, head: ChainHead) -> None:
    statement = (
        update(chain_head_table)
        .where(_head.chain_id == head.chain.chain_id, _head.sequence == start.sequence)
        .values(sequence=head.sequence, hash=head.hash, newest_time=head.newest_time)
    )
    moved = connection.execute(statement).rowcount
    assert moved == 1, f"{head.chain} was appended to by another writer under our lock"


def _entry_rows(chain: Chain, entries: Sequence[ChainedEntry]) -> list[Row]:
    return [
        (
            chain.tenant_id,
            entry.journal_entry_id.bytes,
            chain.chain_id,
            entry.chain_sequence,
            entry.hash,
            entry.reason,
            entry.reference,
            entry.actor,
            to_micros(entry.create_time),
            *(entry.source or (None, None, None)),
        )
        for entry in entries
    ]


def _posting_rows(chain: Chain, entries: Sequence[ChainedEntry]) -> list[Row]:
    return [
        (chain.tenant_id, entry.journal_entry_id.bytes, line, *posting)
        for entry in entries
        for line, posting in enumerate(entry.postings)
    ]

"""Writing the journal: entries are chained, stored and added to the balances, or none of it."""

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, insert, select, update

from chassis.database.bulk import Row, insert_rows
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.payment.domain.hash_chain import Chain, ChainedEntry, ChainHead
from services.payment.domain.ledger import JournalEntry
from services.payment.store.ledger_accounts import add_to_balances
from services.payment.store.schema import (
    chain_head_table,
    journal_entry_table,
    ledger_partition_table,
    posting_table,
)

_head = chain_head_table.c

_ENTRY_COLUMNS = [column.name for column in journal_entry_table.c]
_POSTING_COLUMNS = [column.name for column in posting_table.c]

_TAKE_TURN = (
    select(ledger_partition_table.c.partition)
    .where(ledger_partition_table.c.partition == bindparam("partition"))
    .with_for_update()
)
_FIND_HEAD = select(_head.sequence, _head.hash, _head.newest_time).where(
    _head.chain_id == bindparam("chain_id")
)
_MOVE_HEAD = (
    update(chain_head_table)
    .where(_head.chain_id == bindparam("moved_chain"), _head.sequence == bindparam("moved_from"))
    .values(
        sequence=bindparam("sequence"), hash=bindparam("hash"), newest_time=bindparam("newest_time")
    )
)


def append_entries(
    unit_of_work: UnitOfWork, chain: Chain, entries: Sequence[JournalEntry]
) -> list[ChainedEntry]:
    """Write entries at the end of their chain.

    Writers of a partition take turns until they commit. Chains and balances belong to one partition
    each, so that they need no locks of their own.
    """
    connection = unit_of_work.connection
    connection.execute(_TAKE_TURN, {"partition": chain.partition})
    start = head = _head_of(connection, chain)
    chained = []
    for entry in entries:
        chained.append(head.link(entry, unit_of_work.now))
        head = head.after(chained[-1])
    insert_rows(connection, journal_entry_table, _ENTRY_COLUMNS, _entry_rows(chain, chained))
    insert_rows(connection, posting_table, _POSTING_COLUMNS, _posting_rows(chain, chained))
    add_to_balances(connection, chain, (line for entry in entries for line in entry.postings))
    _move_head(connection, start, head)
    return chained


def _head_of(connection: Connection, chain: Chain) -> ChainHead:
    row = connection.execute(_FIND_HEAD, {"chain_id": chain.chain_id}).one_or_none()
    if row is not None:
        return ChainHead(chain, row.sequence, bytes(row.hash), row.newest_time)
    genesis = ChainHead.genesis(chain)
    values = {
        "chain_id": chain.chain_id,
        "tenant_id": chain.tenant_id,
        "legal_entity_id": chain.legal_entity_id,
        "partition": chain.partition,
        "sequence": genesis.sequence,
        "hash": genesis.hash,
        "newest_time": genesis.newest_time,
    }
    connection.execute(insert(chain_head_table), values)
    return genesis


def _move_head(connection: Connection, start: ChainHead, head: ChainHead) -> None:
    parameters = {
        "moved_chain": head.chain.chain_id,
        "moved_from": start.sequence,
        "sequence": head.sequence,
        "hash": head.hash,
        "newest_time": head.newest_time,
    }
    moved = connection.execute(_MOVE_HEAD, parameters).rowcount
    assert moved == 1, f"{head.chain} was appended to by another writer in our turn"


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

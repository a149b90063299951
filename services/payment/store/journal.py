"""Writing the journal: entries are chained, stored and added to the balances, or none of it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from chassis.database.bulk import insert_rows
from chassis.database.direct import Direct, Row
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros, to_micros
from services.payment.domain.ledger.entries import JournalEntry
from services.payment.domain.ledger.hash_chain import Chain, ChainedEntry, ChainHead
from services.payment.store.ledger_accounts import add_to_balances
from services.payment.store.schema import (
    chain_head_table,
    journal_entry_table,
    ledger_partition_table,
    posting_table,
)

_head = chain_head_table.c
_partition = ledger_partition_table.c

_ENTRY_COLUMNS = [column.name for column in journal_entry_table.c]
_POSTING_COLUMNS = [column.name for column in posting_table.c]

_TAKE_TURNS = Direct(
    select(_partition.partition, _partition.closed_until)
    .where(_partition.partition.in_(bindparam("partitions", expanding=True)))
    .order_by(_partition.partition)
    .with_for_update()
)
_FIND_HEADS = Direct(
    select(_head.chain_id, _head.sequence, _head.hash, _head.newest_time).where(
        _head.chain_id.in_(bindparam("chain_ids", expanding=True))
    )
)
_MOVE_HEAD = Direct(
    update(chain_head_table)
    .where(_head.chain_id == bindparam("moved_chain"), _head.sequence == bindparam("moved_from"))
    .values(
        sequence=bindparam("sequence"), hash=bindparam("hash"), newest_time=bindparam("newest_time")
    )
)

# The columns of its event, of an entry that a request caused.
_NO_SOURCE = (None, None, None)

_Chained = Mapping[Chain, Sequence[ChainedEntry]]


def append_entries(
    unit_of_work: UnitOfWork, chain: Chain, entries: Sequence[JournalEntry]
) -> list[ChainedEntry]:
    """Write entries at the end of their chain, as `append_to_chains` does."""
    return append_to_chains(unit_of_work, {chain: entries})[chain]


def append_to_chains(
    unit_of_work: UnitOfWork, entries: Mapping[Chain, Sequence[JournalEntry]]
) -> dict[Chain, list[ChainedEntry]]:
    """Write entries at the ends of their chains, with the same few statements for any number.

    Writers of a partition take turns until they commit. Chains and balances belong to one partition
    each, so that they need no locks of their own.

    Raises:
        DomainError: BALANCE_OUT_OF_RANGE.
    """
    connection = unit_of_work.connection
    closed_until = take_turns(connection, {chain.partition for chain in entries})
    starts = _heads_of(connection, entries)
    # One time for all, so that no root comes between the two sides of a transfer.
    newest_times = (head.newest_time for head in starts.values())
    now = max([unit_of_work.now, *closed_until.values(), *newest_times])
    chained = {chain: starts[chain].link(of_chain, now) for chain, of_chain in entries.items()}
    insert_rows(connection, journal_entry_table, _ENTRY_COLUMNS, _entry_rows(chained, now))
    insert_rows(connection, posting_table, _POSTING_COLUMNS, _posting_rows(chained))
    add_to_balances(connection, chained)
    _move_heads(connection, starts, chained)
    return chained


def take_turns(connection: Connection, partitions: Collection[int]) -> dict[int, datetime]:
    """Wait until nobody else writes to partitions; they are ours until the commit.

    Returns until when each is closed: a root has been drawn over everything before, so that nothing
    may be written into that time any more, however late our turn came.
    """
    rows = _TAKE_TURNS.rows(connection, {"partitions": sorted(partitions)})
    return {partition: from_micros(closed_until) for partition, closed_until in rows}


def _heads_of(connection: Connection, chains: Collection[Chain]) -> dict[Chain, ChainHead]:
    """Where chains end; a chain that is new begins here."""
    by_id = {chain.chain_id: chain for chain in chains}
    rows = _FIND_HEADS.rows(connection, {"chain_ids": list(by_id)})
    heads = {}
    for chain_id, sequence, newest_hash, newest_micros in rows:
        chain = by_id[chain_id]
        heads[chain] = ChainHead(chain, sequence, newest_hash, from_micros(newest_micros))
    if new := [ChainHead.genesis(chain) for chain in chains if chain not in heads]:
        connection.execute(insert(chain_head_table), [_head_values(head) for head in new])
    return heads | {head.chain: head for head in new}


def _head_values(head: ChainHead) -> dict[str, object]:
    return {
        "chain_id": head.chain.chain_id,
        "tenant_id": head.chain.tenant_id,
        "legal_entity_id": head.chain.legal_entity_id,
        "partition": head.chain.partition,
        "sequence": head.sequence,
        "hash": head.hash,
        "newest_time": head.newest_time,
    }


def _move_heads(
    connection: Connection, starts: Mapping[Chain, ChainHead], chained: _Chained
) -> None:
    rows = [
        {
            "moved_chain": chain.chain_id,
            "moved_from": starts[chain].sequence,
            "sequence": entries[-1].chain_sequence,
            "hash": entries[-1].hash,
            "newest_time": to_micros(entries[-1].create_time),
        }
        for chain, entries in chained.items()
        if entries
    ]
    moved = _MOVE_HEAD.run_many(connection, rows)
    assert moved == len(rows), "a chain was appended to by another writer in our turn"


def _entry_rows(chained: _Chained, now: datetime) -> Iterator[Row]:
    """The rows of entries that were all linked at one time."""
    create_micros = to_micros(now)
    for chain, entries in chained.items():
        tenant_id, chain_id = chain.tenant_id, chain.chain_id
        for key, sequence, _, reason, reference, actor, source, _, entry_hash in entries:
            producer, partition, event_sequence = source or _NO_SOURCE
            yield (
                tenant_id,
                key,
                chain_id,
                sequence,
                entry_hash,
                reason,
                reference,
                actor,
                create_micros,
                producer,
                partition,
                event_sequence,
            )


def _posting_rows(chained: _Chained) -> Iterator[Row]:
    for chain, entries in chained.items():
        tenant_id = chain.tenant_id
        for entry in entries:
            key = entry.key
            for line, (kind, account_id, currency, micros) in enumerate(entry.postings):
                yield tenant_id, key, line, kind, account_id, currency, micros

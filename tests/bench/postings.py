"""Posting to the ledger in batches, beside the bare insert of the very same rows.

A batch is 1,000 entries of usage of one chain in one transaction: linked, hashed, stored with their
postings, added to the balances. The floor takes every row that came of it and writes it again into
a database of the same schema, in one transaction, with the driver's own fastest way. Both commit
durably. They take turns, batch by batch.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.service import spare_the_collector
from kernel.money import Money
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import JournalEntry
from services.payment.domain.ledger.posting_rules import Cause, usage_entries
from services.payment.store.journal import append_entries
from services.payment.store.schema import journal_entry_table, posting_table
from tests.bench.charges import (
    DatabaseKind,
    StoredRows,
    empty_databases,
    insert_stored,
    stored_rows,
)
from tests.conformance.payment.books import accounts_of_partition

ENTRIES_A_BATCH = 1_000
BATCHES = 10
BATCHES_SHORT = 4
ROUNDS = 5
ROUNDS_SHORT = 3
ACCOUNTS = 100
PARTITION = 0

# What a batch stores: which rows are those of the newest.
STORED = {
    journal_entry_table: "chain_sequence > :sequence",
    posting_table: "journal_entry_id IN "
    "(SELECT journal_entry_id FROM journal_entry WHERE chain_sequence > :sequence)",
}


class PostedEntries(NamedTuple):
    """Entries a second, medians over rounds of many batches."""

    posted: float
    inserted: float


def measure(kind: DatabaseKind, short: bool) -> PostedEntries:
    """Post entries, and insert the same rows barely, in turns on one server."""
    rounds = ROUNDS_SHORT if short else ROUNDS
    batches = BATCHES_SHORT if short else BATCHES
    spare_the_collector()  # as every service does
    with empty_databases(kind, "payment") as fresh:
        posting, inserting = zip(
            *(asyncio.run(_round(fresh, batches)) for _ in range(rounds)), strict=True
        )
    entries = batches * ENTRIES_A_BATCH
    return PostedEntries(
        entries / statistics.median(posting), entries / statistics.median(inserting)
    )


async def _round(fresh: Any, batches: int) -> tuple[float, float]:
    """Seconds that all batches take; and their rows alone."""
    accounts = accounts_of_partition(PARTITION, ACCOUNTS)
    with fresh() as database, fresh() as floor:
        posting = inserting = 0.0
        for number in range(batches + 1):
            entries = _entries(accounts, number)
            begin = time.perf_counter()
            await database.write(partial(_post, chain=accounts[0].chain, entries=entries))
            posted = time.perf_counter() - begin
            stored = await database.read(partial(_rows_after, sequence=number * ENTRIES_A_BATCH))
            begin = time.perf_counter()
            await floor.write(partial(insert_stored, stored=stored))
            if number:  # caches fill with the first
                posting += posted
                inserting += time.perf_counter() - begin
        return posting, inserting


def _entries(accounts: Sequence[Account], batch: int) -> list[JournalEntry]:
    first = batch * ENTRIES_A_BATCH
    return [
        entry
        for number in range(first, first + ENTRIES_A_BATCH)
        for entry in usage_entries(
            accounts[number % ACCOUNTS], Money("EUR", 60_000 + number), Cause(str(number), "bench")
        )
    ]


def _post(unit_of_work: UnitOfWork, chain: Any, entries: list[JournalEntry]) -> None:
    append_entries(unit_of_work, chain, entries)


def _rows_after(connection: Connection, sequence: int) -> StoredRows:
    """The rows of the newest batch."""
    return stored_rows(connection, STORED, {"sequence": sequence})


if __name__ == "__main__":
    for of_kind in ("sqlite", "postgresql"):
        figures = measure(of_kind, short="short" in sys.argv)
        print(f"{of_kind}: {figures}: {figures.posted / figures.inserted:.3f}")

"""Reading the journal: entries as they are stored, in pages."""

from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    Subquery,
    and_,
    func,
    select,
)

from services.payment.domain.adjustments.adjustment_errors import entry_not_found
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import EntryReason, EventSource, Posting
from services.payment.domain.ledger.hash_chain import Chain, ChainedEntry, ChainHead, first_id_from
from services.payment.store.schema import chain_head_table, journal_entry_table, posting_table

# Entries read at once when a chain is walked.
WALK_PAGE_ENTRIES = 2_000

FIRST_ID = UUID(int=0)
LAST_ID = UUID(int=2**128 - 1)

PlacedEntry = tuple[Chain, ChainedEntry]

_entry = journal_entry_table.c
_posting = posting_table.c
_head = chain_head_table.c


def id_bound(moment: datetime | None, unbounded: UUID) -> UUID:
    """The id that divides what was written before a moment from what was written later."""
    return unbounded if moment is None else first_id_from(moment)


def id_before(moment: datetime | None) -> UUID:
    """An id after which come those of what was written at a moment or later; of None, all."""
    return UUID(int=max(id_bound(moment, FIRST_ID).int - 1, FIRST_ID.int))


def list_entries(
    connection: Connection, tenant_id: str, span: tuple[UUID, UUID], limit: int, reason: int | None
) -> list[PlacedEntry]:
    """A tenant's entries after one id and before another, in the order of writing.

    All of them, or those of one reason.
    """
    after, end = span
    query = select(journal_entry_table).where(
        _entry.tenant_id == tenant_id,
        _entry.journal_entry_id > after.bytes,
        _entry.journal_entry_id < end.bytes,
    )
    if reason is not None:
        query = query.where(_entry.reason == reason)
    page = query.order_by(_entry.journal_entry_id).limit(limit).subquery()
    groups = _rows_by_entry(connection, page, page.c.journal_entry_id)
    return [_placed_entry(rows) for rows in groups]


def get_entry(connection: Connection, tenant_id: str, entry_id: UUID) -> PlacedEntry:
    """An entry of a tenant. Raises NOT_FOUND ENTRY_NOT_FOUND."""
    found = _entry.tenant_id == tenant_id, _entry.journal_entry_id == entry_id.bytes
    page = select(journal_entry_table).where(*found).subquery()
    for rows in _rows_by_entry(connection, page, page.c.journal_entry_id):
        return _placed_entry(rows)
    raise entry_not_found(str(entry_id))


def entries_of_account(
    connection: Connection, tenant_id: str, account_id: str, after: UUID, until: UUID, limit: int
) -> list[PlacedEntry]:
    """An account's entries after one id and up to another, with its own postings only."""
    ids = (
        _postings_of(select(_posting.journal_entry_id), tenant_id, account_id)
        .where(_posting.journal_entry_id > after.bytes, _posting.journal_entry_id <= until.bytes)
        .distinct()
        .order_by(_posting.journal_entry_id)
        .limit(limit)
    )
    page = (
        select(journal_entry_table)
        .where(_entry.tenant_id == tenant_id, _entry.journal_entry_id.in_(ids))
        .subquery()
    )
    own = _posting.account_id == account_id
    groups = _rows_by_entry(connection, page, page.c.journal_entry_id, own)
    return [_placed_entry(rows) for rows in groups]


def newest_id_before(
    connection: Connection, tenant_id: str, account_id: str, end: UUID
) -> UUID | None:
    """The id of an account's newest entry below another id."""
    query = (
        _postings_of(select(_posting.journal_entry_id), tenant_id, account_id)
        .where(_posting.journal_entry_id < end.bytes)
        .order_by(_posting.journal_entry_id.desc())
        .limit(1)
    )
    newest = connection.execute(query).scalar_one_or_none()
    return None if newest is None else UUID(bytes=newest)


def sums_before(
    connection: Connection, tenant_id: str, account_id: str, end: UUID
) -> dict[int, int]:
    """The sum of an account's postings in entries below an id, for each kind of ledger account."""
    query = (
        _postings_of(select(_posting.kind, func.sum(_posting.micros)), tenant_id, account_id)
        .where(_posting.journal_entry_id < end.bytes)
        .group_by(_posting.kind)
    )
    return {kind: int(micros) for kind, micros in connection.execute(query)}


def usage_since(connection: Connection, account: Account, moment: datetime) -> int:
    """The micros of usage that were posted to an account at a moment and later."""
    in_order = and_(
        _entry.tenant_id == _posting.tenant_id,
        _entry.journal_entry_id == _posting.journal_entry_id,
        _entry.reason == EntryReason.USAGE,
    )
    query = (
        _postings_of(select(func.sum(_posting.micros)), account.tenant_id, account.account_id)
        .join_from(posting_table, journal_entry_table, in_order)
        .where(_posting.journal_entry_id >= first_id_from(moment).bytes)
    )
    return int(connection.execute(query).scalar_one() or 0)


def recorded_heads(connection: Connection) -> list[ChainHead]:
    """The heads of all chains, in the order of their leaves in the ledger's tree."""
    heads = [
        ChainHead(
            Chain(row.tenant_id, row.legal_entity_id, row.partition),
            row.sequence,
            bytes(row.hash),
            row.newest_time,
        )
        for row in connection.execute(select(chain_head_table))
    ]
    return sorted(heads, key=lambda head: head.chain)


def walk_chain(connection: Connection, chain: Chain) -> Iterator[ChainedEntry]:
    """Every stored entry of a chain by its place, whether or not it has postings."""
    place = 0
    while entries := _chain_page(connection, chain, place):
        yield from entries
        place = entries[-1].chain_sequence


def count_rows(connection: Connection) -> tuple[int, int]:
    """How many entries and how many postings there are in all."""
    entries = connection.execute(select(func.count()).select_from(journal_entry_table))
    postings = connection.execute(select(func.count()).select_from(posting_table))
    return entries.scalar_one(), postings.scalar_one()


def _chain_page(connection: Connection, chain: Chain, after: int) -> list[ChainedEntry]:
    page = (
        select(journal_entry_table)
        .where(
            _entry.chain_id == chain.chain_id,
            _entry.tenant_id == chain.tenant_id,
            _entry.chain_sequence > after,
        )
        .order_by(_entry.chain_sequence)
        .limit(WALK_PAGE_ENTRIES)
        .subquery()
    )
    groups = _rows_by_entry(connection, page, page.c.chain_sequence)
    return [_entry_in_order(rows) for rows in groups]


def _postings_of(query: Select[Any], tenant_id: str, account_id: str) -> Select[Any]:
    # The index on accounts leaves out the empty id; the condition says that we do as well.
    return query.where(
        _posting.tenant_id == tenant_id,
        _posting.account_id == account_id,
        _posting.account_id != "",
    )


def _rows_by_entry(
    connection: Connection,
    page: Subquery,
    order: ColumnElement[Any],
    posting_condition: ColumnElement[bool] | None = None,
) -> list[list[Row[Any]]]:
    """A row for each posting of each entry on the page; one without postings has one row."""
    query = (
        select(page, _head.legal_entity_id, _head.partition, *_POSTING_COLUMNS)
        .select_from(_joined(page, posting_condition))
        .order_by(order, page.c.journal_entry_id, _posting.line)
    )
    rows = connection.execute(query)
    return [list(group) for _, group in groupby(rows, lambda row: row.journal_entry_id)]


def _joined(page: Subquery, posting_condition: ColumnElement[bool] | None) -> FromClause:
    """Entries with their chain and postings; one that lost its postings is still there."""
    matches = and_(
        _posting.tenant_id == page.c.tenant_id,
        _posting.journal_entry_id == page.c.journal_entry_id,
    )
    if posting_condition is not None:
        matches = and_(matches, posting_condition)
    with_chain = page.join(chain_head_table, _head.chain_id == page.c.chain_id)
    return with_chain.outerjoin(posting_table, matches)


_POSTING_COLUMNS = (
    _posting.line,
    _posting.kind,
    _posting.account_id,
    _posting.currency,
    _posting.micros,
)


def _entry_in_order(rows: list[Row[Any]]) -> ChainedEntry:
    """The entry as a walk sees it: a posting with another number than its place is none of its."""
    return _entry_of(rows[0], [row for line, row in enumerate(rows) if row.line == line])


def _placed_entry(rows: list[Row[Any]]) -> PlacedEntry:
    row = rows[0]
    entry = _entry_of(row, [line for line in rows if line.line is not None])
    return Chain(row.tenant_id, row.legal_entity_id, row.partition), entry


def _entry_of(row: Row[Any], lines: list[Row[Any]]) -> ChainedEntry:
    has_source = row.source_producer is not None
    source = (row.source_producer, row.source_partition, row.source_sequence)
    return ChainedEntry(
        key=bytes(row.journal_entry_id),
        chain_sequence=row.chain_sequence,
        create_time=row.create_time,
        reason=row.reason,
        reference=row.reference,
        actor=row.actor,
        source=EventSource(*source) if has_source else None,
        postings=tuple(
            Posting(line.kind, line.account_id, line.currency, line.micros) for line in lines
        ),
        hash=bytes(row.hash),
    )

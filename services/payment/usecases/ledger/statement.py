"""Draws up the statement of an account: opening balance, entries, closing balance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.balance import Balance
from services.payment.store.accounts import account_of
from services.payment.store.entries import (
    FIRST_ID,
    LAST_ID,
    PlacedEntry,
    entries_of_account,
    id_bound,
    newest_id_before,
    sums_before,
)


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """Where a page starts, and where the whole statement ends."""

    after: UUID
    until: UUID


@dataclass(frozen=True, slots=True)
class Statement:
    """One page of a statement; the balances are those of the whole range."""

    account: Account
    opening: Balance
    entries: Sequence[PlacedEntry]
    closing: Balance
    next_place: StatementPlace | None


def draw_up_statement(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    span: tuple[datetime | None, datetime | None],
    place: StatementPlace | None,
    limit: int,
) -> Statement:
    """A page of the statement. Every page ends where the first one saw the end.

    Raises:
        DomainError: UNKNOWN_ACCOUNT.
    """
    account = account_of(connection, tenant_id, account_id)
    start, end = id_bound(span[0], FIRST_ID), id_bound(span[1], LAST_ID)
    if place is None:
        newest = newest_id_before(connection, tenant_id, account_id, end)
        place = StatementPlace(_id_before(start), newest or FIRST_ID)
    found = entries_of_account(
        connection, tenant_id, account_id, place.after, place.until, limit + 1
    )
    page = found[:limit]
    more = len(found) > limit
    return Statement(
        account,
        opening=_balance_before(connection, account, start),
        entries=page,
        closing=_balance_before(connection, account, max(start, _id_after(place.until))),
        next_place=StatementPlace(page[-1][1].journal_entry_id, place.until) if more else None,
    )


def _balance_before(connection: Connection, account: Account, end: UUID) -> Balance:
    sums = sums_before(connection, account.tenant_id, account.account_id, end)
    return Balance.of(account, sums)


def _id_before(entry_id: UUID) -> UUID:
    return UUID(int=max(entry_id.int - 1, FIRST_ID.int))


def _id_after(entry_id: UUID) -> UUID:
    return UUID(int=min(entry_id.int + 1, LAST_ID.int))

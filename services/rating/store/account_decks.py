"""The decks that accounts have of their own."""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, select

from kernel.clock import from_micros, to_micros
from services.rating.domain.account import DeckOverride
from services.rating.store.tariff_schema import account_deck

_OF_ACCOUNTS = (
    select(account_deck)
    .where(
        account_deck.c.tenant_id == bindparam("tenant_id"),
        account_deck.c.account_id.in_(bindparam("account_ids", expanding=True)),
    )
    .order_by(account_deck.c.account_id, account_deck.c.place)
)


class AccountDecks(NamedTuple):
    """The decks of one account, in the order in which they are asked."""

    account_id: str
    overrides: tuple[DeckOverride, ...]
    update_time: datetime | None
    """When they were set; None for an account that has none."""


def set_account_decks(connection: Connection, tenant_id: str, decks: AccountDecks) -> None:
    """Store an account's decks in place of those it had."""
    table = account_deck.c
    had = delete(account_deck).where(
        table.tenant_id == tenant_id, table.account_id == decks.account_id
    )
    connection.execute(had)
    rows = [
        {
            "tenant_id": tenant_id,
            "account_id": decks.account_id,
            "place": place,
            "rate_deck_id": override.rate_deck_id,
            "start_time": from_micros(override.start_micros),
            "end_time": None if override.end_micros is None else from_micros(override.end_micros),
            "update_time": decks.update_time,
        }
        for place, override in enumerate(decks.overrides)
    ]
    if rows:
        connection.execute(account_deck.insert(), rows)


def account_decks_of(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> list[AccountDecks]:
    """The decks of those among some accounts that have any, by account."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    return list(_by_account(connection.execute(_OF_ACCOUNTS, parameters)))


def overrides_of(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, Sequence[DeckOverride]]:
    """What pricing asks before the plans of some accounts; those without are left out."""
    found = account_decks_of(connection, tenant_id, account_ids)
    return {each.account_id: each.overrides for each in found}


def accounts_with_decks(
    connection: Connection, tenant_id: str, rate_deck_id: str, after: str, limit: int
) -> list[str]:
    """A page of the accounts that have a deck, or any where '' is asked for."""
    table = account_deck.c
    query = select(table.account_id).where(table.tenant_id == tenant_id, table.account_id > after)
    if rate_deck_id:
        query = query.where(table.rate_deck_id == rate_deck_id)
    page = query.distinct().order_by(table.account_id).limit(limit)
    return list(connection.execute(page).scalars())


def _by_account(rows: Iterable[Any]) -> Iterable[AccountDecks]:
    for account_id, of_account in groupby(rows, key=lambda row: row.account_id):
        decks = list(of_account)
        yield AccountDecks(account_id, tuple(map(_override, decks)), decks[0].update_time)


def _override(row: Any) -> DeckOverride:
    end_micros = None if row.end_time is None else to_micros(row.end_time)
    return DeckOverride(row.rate_deck_id, to_micros(row.start_time), end_micros)

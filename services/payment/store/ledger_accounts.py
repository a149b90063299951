"""The ledger accounts and their kept balances: each the sum of its postings."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, and_, bindparam, case, func, select
from sqlalchemy.exc import DataError, IntegrityError

from chassis.database.bulk import recordset, write_rows
from chassis.database.direct import Direct, Row
from services.payment.domain.errors import balance_out_of_range
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.balance import Balance
from services.payment.domain.ledger.entries import LedgerAccountKey, sums_by_ledger_account
from services.payment.domain.ledger.hash_chain import Chain, ChainedEntry
from services.payment.store.schema import (
    chain_head_table,
    journal_entry_table,
    ledger_account_table,
    posting_table,
)

_columns = ledger_account_table.c
_posting = posting_table.c
_entry = journal_entry_table.c
_head = chain_head_table.c


class BalanceOverTime(NamedTuple):
    """What a ledger account had at the beginning and at the end of a time."""

    legal_entity_id: str
    partition: int
    account_id: str
    currency: str
    kind: int
    opening_micros: int
    closing_micros: int


_ADDED_NAMES = ("chain_id", "account_id", "currency", "kind", "tenant_id", "balance_micros")
_INSERT = f"INSERT INTO ledger_account ({', '.join(_ADDED_NAMES)})"
_OR_ADD = (
    "ON CONFLICT (chain_id, account_id, currency, kind) DO UPDATE SET "
    "balance_micros = ledger_account.balance_micros + excluded.balance_micros"
)
_ADDED = recordset(ledger_account_table, _ADDED_NAMES)
_ADD_DOCUMENT = f"{_INSERT} SELECT * FROM {_ADDED} {_OR_ADD}"  # noqa: S608 our own names
_ADD_ROWS = f"{_INSERT} VALUES (?, ?, ?, ?, ?, ?) {_OR_ADD}"

_BALANCES = Direct(
    select(_columns.account_id, _columns.kind, _columns.balance_micros).where(
        _columns.chain_id.in_(bindparam("chain_ids", expanding=True)),
        _columns.account_id.in_(bindparam("account_ids", expanding=True)),
    )
)


def add_to_balances(
    connection: Connection, chained: Mapping[Chain, Iterable[ChainedEntry]]
) -> None:
    """Add the postings of new entries to the balances of their ledger accounts, each written once.

    Raises:
        DomainError: BALANCE_OUT_OF_RANGE.
    """
    rows = [row for chain, entries in chained.items() for row in _changes(chain, entries)]
    try:
        write_rows(connection, _ADDED_NAMES, rows, _ADD_DOCUMENT, _ADD_ROWS)
    # The check of the table, or the end of the database's integers beyond it.
    except (IntegrityError, DataError) as error:
        raise balance_out_of_range("; ".join(map(str, chained))) from error


def _changes(chain: Chain, entries: Iterable[ChainedEntry]) -> Iterator[Row]:
    sums = sums_by_ledger_account(line for entry in entries for line in entry.postings)
    for key, micros in sorted(sums.items()):
        yield chain.chain_id, *key, chain.tenant_id, micros


def kept_balances(connection: Connection, chain: Chain) -> dict[LedgerAccountKey, int]:
    """The kept balance of every ledger account of a chain."""
    query = select(
        _columns.account_id, _columns.currency, _columns.kind, _columns.balance_micros
    ).where(_columns.chain_id == chain.chain_id, _columns.tenant_id == chain.tenant_id)
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(query)}


def balance_of(connection: Connection, account: Account) -> Balance:
    """The balance of one paying account."""
    return balances_of(connection, [account])[0]


def balances_of(connection: Connection, accounts: Iterable[Account]) -> list[Balance]:
    """The balances of paying accounts, in their order."""
    wanted = list(accounts)
    kept = micros_by_kind(connection, wanted)
    return [Balance.of(account, kept[account.account_id]) for account in wanted]


def micros_by_kind(
    connection: Connection, accounts: Collection[Account]
) -> Mapping[str, Mapping[int, int]]:
    """The debits less credits of paying accounts, by account and kind of ledger account."""
    keys = {
        "chain_ids": list({account.chain.chain_id for account in accounts}),
        "account_ids": [account.account_id for account in accounts],
    }
    kept: dict[str, dict[int, int]] = defaultdict(dict)
    for account_id, kind, micros in _BALANCES.rows(connection, keys):
        kept[account_id][kind] = micros
    return kept


def balances_over_time(
    connection: Connection, tenant_id: str, start: UUID, end: UUID
) -> list[BalanceOverTime]:
    """The sums of a tenant's postings in entries below two ids, for each ledger account."""
    key = (
        *(_head.legal_entity_id, _head.partition),
        *(_posting.account_id, _posting.currency, _posting.kind),
    )
    opening = case((_posting.journal_entry_id < start.bytes, _posting.micros), else_=0)
    postings = posting_table.join(
        journal_entry_table,
        and_(
            _entry.tenant_id == _posting.tenant_id,
            _entry.journal_entry_id == _posting.journal_entry_id,
        ),
    ).join(chain_head_table, _head.chain_id == _entry.chain_id)
    query = (
        select(*key, func.sum(opening), func.sum(_posting.micros))
        .select_from(postings)
        .where(_posting.tenant_id == tenant_id, _posting.journal_entry_id < end.bytes)
        .group_by(*key)
    )
    rows = connection.execute(query)
    return sorted(BalanceOverTime(*row[:5], int(row[5]), int(row[6])) for row in rows)

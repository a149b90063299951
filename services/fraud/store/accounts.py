"""Queries on watched accounts and their blocks."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, select, update

from chassis.database.bulk import insert_ignoring_known
from chassis.database.direct import Direct
from chassis.database.pages import Page, PageRequest, page_of
from services.fraud.domain.block import Block
from services.fraud.store.schema import block_table, watched_account_table

KEY = ("tenant_id", "account_id")

_LOCK_KNOWN = Direct(
    select(watched_account_table.c.account_id, watched_account_table.c.pardon_time)
    .where(
        watched_account_table.c.tenant_id == bindparam("tenant_id"),
        watched_account_table.c.account_id.in_(bindparam("account_ids", expanding=True)),
    )
    # One order for all transactions, so that none waits for another in a circle.
    .order_by(watched_account_table.c.account_id)
    .with_for_update()
)


def lock_accounts(
    connection: Connection, tenant_id: str, account_ids: Iterable[str]
) -> dict[str, int]:
    """Take the accounts for this transaction; return the pardons there are, in microseconds."""
    wanted = sorted(set(account_ids))
    locked = _lock_known(connection, tenant_id, wanted)
    missing = [account_id for account_id in wanted if account_id not in locked]
    if missing:
        rows = [(tenant_id, account_id) for account_id in missing]
        insert_ignoring_known(connection, watched_account_table, KEY, rows, KEY)
        locked |= _lock_known(connection, tenant_id, missing)
    return {account_id: micros for account_id, micros in locked.items() if micros is not None}


def _lock_known(
    connection: Connection, tenant_id: str, account_ids: list[str]
) -> dict[str, int | None]:
    keys = {"tenant_id": tenant_id, "account_ids": account_ids}
    return dict(_LOCK_KNOWN.rows(connection, keys))


def store_pardon(
    connection: Connection, tenant_id: str, account_id: str, pardon_time: datetime
) -> None:
    """Let calls up to a time count no more, for a locked account."""
    table = watched_account_table
    mine = (table.c.tenant_id == tenant_id, table.c.account_id == account_id)
    connection.execute(update(table).where(*mine).values(pardon_time=pardon_time))


def find_block(connection: Connection, tenant_id: str, account_id: str) -> Block | None:
    """The block of an account, if there is one."""
    query = select(block_table).filter_by(tenant_id=tenant_id, account_id=account_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _to_block(row)


def insert_block(connection: Connection, tenant_id: str, block: Block) -> None:
    """Store the block of a locked account that has none."""
    row = {
        "tenant_id": tenant_id,
        "account_id": block.account_id,
        "reason": block.reason,
        "actor": block.actor,
        "block_time": block.block_time,
    }
    connection.execute(block_table.insert(), row)


def delete_block(connection: Connection, tenant_id: str, account_id: str) -> bool:
    """Remove the block of a locked account; False when it has none."""
    table = block_table
    mine = (table.c.tenant_id == tenant_id, table.c.account_id == account_id)
    return connection.execute(delete(table).where(*mine)).rowcount > 0


def list_blocks(connection: Connection, tenant_id: str, page: PageRequest) -> Page[Block]:
    """A tenant's blocks by account."""
    query = select(block_table).filter_by(tenant_id=tenant_id)
    return page_of(connection, query, [block_table.c.account_id], page).mapped(_to_block)


def _to_block(row: Row[Any]) -> Block:
    return Block(row.account_id, row.reason, row.actor, row.block_time)

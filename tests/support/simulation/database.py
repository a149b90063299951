"""A database of rows in memory: transactions are whole or nothing, and commits outlive crashes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

import sqlalchemy.exc

from tests.support.simulation.event_loop import pass_time
from tests.support.simulation.faults import Faults

T = TypeVar("T")
Key = tuple[Any, ...]
ATTEMPTS_MAX = 6


class DatabaseUnreachableError(sqlalchemy.exc.TimeoutError):
    """The database did not answer in time."""


class Transaction:
    """Rows as they were committed, and what one transaction has changed of them."""

    def __init__(self, committed: dict[str, dict[Key, Any]]) -> None:
        self._committed = committed
        self.changes: dict[tuple[str, Key], Any] = {}
        self.facts: list[Callable[[], None]] = []
        """What is to be noted, in this order, once the changes are committed."""

    def get(self, table: str, *key: Hashable) -> Any:
        """A row, None when there is none. Rows are values: they are replaced, never changed."""
        change = self.changes.get((table, key), self)
        return self._committed.get(table, {}).get(key) if change is self else change

    def put(self, table: str, *key: Hashable, row: Any) -> None:
        """Insert or replace a row."""
        self.changes[table, key] = row

    def insert(self, table: str, *key: Hashable, row: Any) -> None:
        """Insert a row that must be new."""
        assert self.get(table, *key) is None, f"{table} {key} is there already"
        self.put(table, *key, row=row)

    def delete(self, table: str, *key: Hashable) -> None:
        self.changes[table, key] = None

    def rows(self, table: str) -> Iterator[tuple[Key, Any]]:
        """Every row of a table with its key, in the order of the keys."""
        changed = {key for of_table, key in self.changes if of_table == table}
        for key in sorted(changed | self._committed.get(table, {}).keys()):
            if (row := self.get(table, *key)) is not None:
                yield key, row


class SimulatedDatabase:
    """What the replicas of a service share."""

    def __init__(self, after_commit: Callable[[Transaction], None]) -> None:
        """`after_commit` looks at every commit, before anybody hears of it."""
        self._tables: dict[str, dict[Key, Any]] = {}
        self._after_commit = after_commit

    def look(self) -> Transaction:
        """What is committed now."""
        return Transaction(self._tables)

    async def write(self, faults: Faults, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction, as a replica does; repeat it as its driver would."""
        await pass_time(faults.transaction_seconds())
        if faults.is_failed_transaction():
            raise DatabaseUnreachableError
        result = self.commit(work)
        await pass_time(faults.transaction_seconds())
        if faults.is_unknown_commit():
            return await self.write(faults, work)
        return result

    async def read(self, faults: Faults, work: Callable[[Transaction], T]) -> T:
        """Run `work` on what is committed."""
        await pass_time(faults.transaction_seconds())
        result = work(self.look())
        await pass_time(faults.transaction_seconds())
        return result

    def commit(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` at once; an error leaves everything as it was."""
        transaction = Transaction(self._tables)
        result = work(transaction)
        for (table, key), row in transaction.changes.items():
            rows = self._tables.setdefault(table, {})
            if row is None:
                rows.pop(key, None)
            else:
                rows[key] = row
        self._after_commit(transaction)
        return result

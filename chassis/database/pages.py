"""Pages of a list by key: the rows after the last one seen, in the order of a unique key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Connection, Row, Select, literal, tuple_

from chassis.database.columns import UtcTime
from kernel.clock import from_micros, to_micros

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list: at most `size` rows after the one with this key."""

    size: int
    after: Sequence[str | int] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and the key to go on from; None on the last page."""

    items: Sequence[T]
    next_after: Sequence[str | int] | None

    def mapped(self, mapping: Callable[[T], U]) -> Page[U]:
        """The same page with something made of each item."""
        return Page([mapping(item) for item in self.items], self.next_after)


def page_of(
    connection: Connection,
    query: Select[Any],
    order: Sequence[Column[Any]],
    request: PageRequest,
    newest_first: bool = False,
) -> Page[Row[Any]]:
    """A page of a query in the order of a unique key whose columns the query selects."""
    if request.after is not None:
        here = tuple_(*order)
        there = tuple_(*(_bound(*each) for each in zip(order, request.after, strict=True)))
        query = query.where(here < there if newest_first else here > there)
    query = query.order_by(*(column.desc() if newest_first else column for column in order))
    # One more than asked for tells whether there is another page.
    rows = connection.execute(query.limit(request.size + 1)).all()
    items = rows[: request.size]
    return Page(items, _key_of(items[-1], order) if len(rows) > request.size else None)


def _bound(column: Column[Any], value: str | int) -> Any:
    stored = from_micros(int(value)) if isinstance(column.type, UtcTime) else value
    return literal(stored, column.type)


def _key_of(row: Row[Any], order: Sequence[Column[Any]]) -> list[str | int]:
    values = (getattr(row, column.name) for column in order)
    return [to_micros(value) if isinstance(value, datetime) else value for value in values]

"""What every query of this service needs: pages by key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Connection, Row, Select, literal, tuple_

from chassis.database.columns import UtcTime
from kernel.clock import from_micros, to_micros

T = TypeVar("T")
AnyRow = Row[Any]
AnyColumn = Column[Any]


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of a list: at most `size` rows after the one with this key."""

    size: int
    after: Sequence[str | int] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and the key to go on from; None on the last page."""

    items: list[T]
    next_after: list[str | int] | None


def page_of(
    connection: Connection,
    query: Select[Any],
    order: Sequence[AnyColumn],
    request: PageRequest,
    newest_first: bool = False,
) -> Page[AnyRow]:
    """A page of a query in the order of a unique key whose columns the query selects."""
    if request.after is not None:
        here = tuple_(*order)
        there = tuple_(*(_bound(*each) for each in zip(order, request.after, strict=True)))
        query = query.where(here < there if newest_first else here > there)
    query = query.order_by(*(column.desc() if newest_first else column for column in order))
    # One more than asked for tells whether there is another page.
    rows = list(connection.execute(query.limit(request.size + 1)))
    items = rows[: request.size]
    has_more = len(rows) > request.size
    return Page(items, _key_of(items[-1], order) if has_more else None)


def mapped(page: Page[AnyRow], mapping: Callable[[AnyRow], T]) -> Page[T]:
    """The same page with each row as a value of the domain."""
    return Page([mapping(row) for row in page.items], page.next_after)


def _bound(column: AnyColumn, value: str | int) -> Any:
    stored = from_micros(int(value)) if isinstance(column.type, UtcTime) else value
    return literal(stored, column.type)


def _key_of(row: AnyRow, order: Sequence[AnyColumn]) -> list[str | int]:
    values = (getattr(row, column.name) for column in order)
    return [to_micros(value) if isinstance(value, datetime) else value for value in values]

"""Keyset pages: the rows after a key, in the key's order."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import Column, Connection, Row, Select

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `size` rows after the row with the key `after`; empty means from the first."""

    size: int
    after: str = ""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a list, and the key to go on from; empty on the last page."""

    items: Sequence[T]
    next_after: str


def fetch_page(
    connection: Connection,
    query: Select[Any],
    key: Column[str],
    request: PageRequest,
    newest_first: bool = False,
) -> Page[Row[Any]]:
    """A page of a query in the order of a unique text column."""
    if request.after:
        query = query.where(key < request.after if newest_first else key > request.after)
    ordered = query.order_by(key.desc() if newest_first else key)
    # One row more than asked for tells whether there is another page.
    rows = connection.execute(ordered.limit(request.size + 1)).all()
    items = rows[: request.size]
    return Page(items, getattr(items[-1], key.name) if len(rows) > request.size else "")

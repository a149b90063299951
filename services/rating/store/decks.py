"""Rate decks and their versions, without the rows (see snapshots)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Select, select, update

from chassis.database.insert import insert_if_new
from services.rating.store.schema import rate_deck, rate_deck_version


class StoredDeck(NamedTuple):
    """A deck without its rows."""

    rate_deck_id: str
    code: str
    display_name: str
    currency: str
    service: int
    latest_version: int
    create_time: datetime


class StoredVersion(NamedTuple):
    """A version of a deck; a draft has no effective time."""

    rate_deck_version_id: str
    rate_deck_id: str
    version: int
    effective_time: datetime | None
    rate_count: int
    digest: str
    snapshot_digest: str
    create_time: datetime


def insert_deck_if_new(connection: Connection, tenant_id: str, deck: StoredDeck) -> None:
    """Store a deck unless its code is taken."""
    insert_if_new(connection, rate_deck, {"tenant_id": tenant_id, **deck._asdict()})


def deck_by_code(connection: Connection, tenant_id: str, code: str) -> StoredDeck | None:
    """The deck of a code."""
    query = _decks(tenant_id).where(rate_deck.c.code == code)
    row = connection.execute(query).one_or_none()
    return None if row is None else StoredDeck(*row)


def decks_of(
    connection: Connection, tenant_id: str, rate_deck_ids: Sequence[str]
) -> dict[str, StoredDeck]:
    """The known decks among some ids."""
    query = _decks(tenant_id).where(rate_deck.c.rate_deck_id.in_(rate_deck_ids))
    return {row.rate_deck_id: StoredDeck(*row) for row in connection.execute(query)}


def list_decks(
    connection: Connection, tenant_id: str, after_code: str, limit: int
) -> list[StoredDeck]:
    """A page of decks by code."""
    query = _decks(tenant_id).where(rate_deck.c.code > after_code)
    rows = connection.execute(query.order_by(rate_deck.c.code).limit(limit))
    return [StoredDeck(*row) for row in rows]


def set_display_name(
    connection: Connection, tenant_id: str, rate_deck_id: str, display_name: str
) -> None:
    """Change what people read of a deck."""
    table = rate_deck.c
    connection.execute(
        update(rate_deck)
        .where(table.tenant_id == tenant_id, table.rate_deck_id == rate_deck_id)
        .values(display_name=display_name)
    )


def next_version(connection: Connection, tenant_id: str, rate_deck_id: str) -> int:
    """Count one more version of a deck; its row is locked until the transaction ends."""
    table = rate_deck.c
    query = (
        update(rate_deck)
        .where(table.tenant_id == tenant_id, table.rate_deck_id == rate_deck_id)
        .values(latest_version=table.latest_version + 1)
        .returning(table.latest_version)
    )
    return int(connection.execute(query).scalar_one())


def insert_version(connection: Connection, tenant_id: str, version: StoredVersion) -> None:
    """Store a version without its rows."""
    values = {"tenant_id": tenant_id, **version._asdict()}
    connection.execute(rate_deck_version.insert(), values)


def list_versions(
    connection: Connection, tenant_id: str, rate_deck_id: str, before: int | None, limit: int
) -> list[StoredVersion]:
    """A page of the versions of a deck, the newest first."""
    table = rate_deck_version.c
    query = _versions(tenant_id).where(table.rate_deck_id == rate_deck_id)
    if before is not None:
        query = query.where(table.version < before)
    rows = connection.execute(query.order_by(table.version.desc()).limit(limit))
    return [StoredVersion(*row) for row in rows]


def version_of(
    connection: Connection, tenant_id: str, rate_deck_version_id: str
) -> StoredVersion | None:
    """One version."""
    table = rate_deck_version.c
    query = _versions(tenant_id).where(table.rate_deck_version_id == rate_deck_version_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else StoredVersion(*row)


def latest_effective_time(
    connection: Connection, tenant_id: str, rate_deck_id: str
) -> datetime | None:
    """When the newest published version of a deck takes force."""
    table = rate_deck_version.c
    query = select(table.effective_time).where(
        table.tenant_id == tenant_id,
        table.rate_deck_id == rate_deck_id,
        table.effective_time.is_not(None),
    )
    newest = query.order_by(table.effective_time.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()


def set_effective_time(
    connection: Connection, tenant_id: str, rate_deck_version_id: str, moment: datetime
) -> None:
    """Put a draft version into force."""
    table = rate_deck_version.c
    connection.execute(
        update(rate_deck_version)
        .where(table.tenant_id == tenant_id, table.rate_deck_version_id == rate_deck_version_id)
        .values(effective_time=moment)
    )


def published_versions(connection: Connection, tenant_id: str) -> list[StoredVersion]:
    """Every published version of a tenant."""
    query = _versions(tenant_id).where(rate_deck_version.c.effective_time.is_not(None))
    return [StoredVersion(*row) for row in connection.execute(query)]


def _decks(tenant_id: str) -> Select[Any]:
    columns = (rate_deck.c[name] for name in StoredDeck._fields)
    return select(*columns).where(rate_deck.c.tenant_id == tenant_id)


def _versions(tenant_id: str) -> Select[Any]:
    columns = (rate_deck_version.c[name] for name in StoredVersion._fields)
    return select(*columns).where(rate_deck_version.c.tenant_id == tenant_id)

"""The compiled rows of deck versions in the database, from where every replica fetches them."""

import zlib
from collections.abc import Iterator
from itertools import count

from sqlalchemy import Connection, select

from services.rating.store.deck_files import StoredSnapshot
from services.rating.store.schema import rate_deck_snapshot, rate_deck_version

# Of a snapshot; what is stored of it is a quarter as a rule.
CHUNK_BYTES = 1_000_000
# The columns of a deck repeat themselves: harder work makes them hardly smaller.
COMPRESSION_LEVEL = 1

Chunks = list[bytes]


def compress_snapshot(content: bytearray) -> Chunks:
    """A snapshot in parts as they are stored."""
    whole = memoryview(content)
    return [
        zlib.compress(whole[start : start + CHUNK_BYTES], COMPRESSION_LEVEL)
        for start in range(0, len(whole), CHUNK_BYTES)
    ]


def insert_snapshot(
    connection: Connection, tenant_id: str, rate_deck_version_id: str, chunks: Chunks
) -> None:
    """Store the snapshot of a new version."""
    names = ("tenant_id", "rate_deck_version_id", "chunk_number", "content")
    rows = [(tenant_id, rate_deck_version_id, number, each) for number, each in enumerate(chunks)]
    connection.execute(
        rate_deck_snapshot.insert(), [dict(zip(names, row, strict=True)) for row in rows]
    )


def stored_snapshot(
    connection: Connection, tenant_id: str, rate_deck_version_id: str
) -> StoredSnapshot:
    """The snapshot of a version that is known to exist."""
    table = rate_deck_version.c
    query = select(table.snapshot_digest).where(
        table.tenant_id == tenant_id, table.rate_deck_version_id == rate_deck_version_id
    )
    digest = connection.execute(query).scalar_one()
    return StoredSnapshot(digest, _chunks(connection, tenant_id, rate_deck_version_id))


def _chunks(connection: Connection, tenant_id: str, rate_deck_version_id: str) -> Iterator[bytes]:
    table = rate_deck_snapshot.c
    for number in count():
        query = select(table.content).where(
            table.tenant_id == tenant_id,
            table.rate_deck_version_id == rate_deck_version_id,
            table.chunk_number == number,
        )
        chunk = connection.execute(query).scalar_one_or_none()
        if chunk is None:
            return
        yield zlib.decompress(chunk)

"""Remembers how far the files of watched folders have been read."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from kernel.errors import DomainError, ErrorKind
from services.cdr.store.schema import watched_file_table

_columns = watched_file_table.c


class Checkpoint(NamedTuple):
    """How far a file has been read."""

    file_id: str
    name: str
    position: int = 0
    record_count: int = 0
    fingerprint: bytes = b""


def load_checkpoints(
    connection: Connection, tenant_id: str, source_id: str
) -> dict[str, Checkpoint]:
    """The checkpoints of a source's files by file id."""
    rows = connection.execute(
        select(
            _columns.file_id,
            _columns.name,
            _columns.position,
            _columns.record_count,
            _columns.fingerprint,
        ).where(_columns.tenant_id == tenant_id, _columns.source_id == source_id)
    )
    return {
        row.file_id: Checkpoint(
            row.file_id, row.name, row.position, row.record_count, bytes(row.fingerprint)
        )
        for row in rows
    }


def move_checkpoint(
    connection: Connection,
    tenant_id: str,
    source_id: str,
    before: Checkpoint | None,
    after: Checkpoint,
) -> None:
    """Move a checkpoint, unless another process has moved it meanwhile.

    Raises:
        DomainError: ABORTED FILE_READ_ELSEWHERE; that process has taken the records.
    """
    values = after._asdict()
    if before is None:
        values |= {"tenant_id": tenant_id, "source_id": source_id}
        connection.execute(insert(watched_file_table), values)
        return
    moved = connection.execute(
        update(watched_file_table)
        .where(
            _columns.tenant_id == tenant_id,
            _columns.source_id == source_id,
            _columns.file_id == before.file_id,
            _columns.position == before.position,
            _columns.fingerprint == before.fingerprint,
        )
        .values(values)
    )
    if moved.rowcount == 0:
        raise DomainError(
            ErrorKind.ABORTED,
            "FILE_READ_ELSEWHERE",
            f"another process has read {after.name!r}; it is continued from there",
            {"file": after.name},
        )


def forget_files(
    connection: Connection, tenant_id: str, source_id: str, file_ids: Collection[str]
) -> None:
    """Forget files that are gone."""
    for file_id in file_ids:
        connection.execute(
            delete(watched_file_table).where(
                _columns.tenant_id == tenant_id,
                _columns.source_id == source_id,
                _columns.file_id == file_id,
            )
        )

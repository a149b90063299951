"""Takes in records of files together with how far the files have been read."""

from collections.abc import Sequence
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from services.cdr.domain.records import RawRecord
from services.cdr.domain.source import Source
from services.cdr.store.files import Checkpoint, move_checkpoint
from services.cdr.usecases.collect_records import Result, collect_records
from services.cdr.usecases.reading import read_records


class Move(NamedTuple):
    """A file read from one checkpoint to another; it was never read before when there is none."""

    before: Checkpoint | None
    after: Checkpoint


def collect_files(
    uow: UnitOfWork, source: Source, raws: Sequence[RawRecord], moves: Sequence[Move]
) -> list[Result]:
    """Commit records and positions together.

    Raises ABORTED FILE_READ_ELSEWHERE when another process was faster with one of the files.
    """
    for move in moves:
        move_checkpoint(uow.connection, source.tenant_id, source.source_id, move.before, move.after)
    return collect_records(uow, source, read_records(source, raws, uow.now))

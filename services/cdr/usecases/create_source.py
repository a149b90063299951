"""Creates a source of call records."""

from dataclasses import replace

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import is_uuid, new_uuid
from kernel.partition import partition_of
from services.cdr.domain.errors import invalid_source
from services.cdr.domain.source import Source
from services.cdr.store.sources import add_source
from tollbook.cdr.v1.cdr_events_pb2 import SourceChanged


def create_source(uow: UnitOfWork, source: Source) -> Source:
    """Store the source and publish SourceChanged; an empty id is filled in.

    Raises SOURCE_CODE_TAKEN and INVALID_SOURCE.
    """
    if source.source_id and not is_uuid(source.source_id):
        raise invalid_source("source_id", "must be a UUID in small letters, or empty")
    created = replace(
        source, source_id=source.source_id or new_uuid(), create_time=uow.now, version=1
    )
    add_source(uow.connection, created)
    publish_source(uow, created)
    return created


def publish_source(uow: UnitOfWork, source: Source) -> None:
    """Tell others of the source."""
    uow.publish(
        SourceChanged(source_id=source.source_id, code=source.code),
        source.tenant_id,
        partition_of(source.tenant_id, source.source_id),
    )

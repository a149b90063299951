"""Changes how the records of a source are read."""

from dataclasses import replace

from chassis.database.unit_of_work import UnitOfWork
from services.cdr.domain.errors import etag_mismatch
from services.cdr.domain.source import Source, SourceProfile
from services.cdr.store.sources import change_source, get_source
from services.cdr.usecases.create_source import publish_source


def update_source(
    uow: UnitOfWork, tenant_id: str, source_id: str, version: int, profile: SourceProfile
) -> Source:
    """Store the new profile and publish SourceChanged.

    Records that come from now on, and retries, are read by it. Raises SOURCE_NOT_FOUND and
    ETAG_MISMATCH.
    """
    source = get_source(uow.connection, tenant_id, source_id)
    if source.version != version:
        raise etag_mismatch(source_id)
    changed = replace(source, profile=profile, version=version + 1)
    change_source(uow.connection, changed)
    publish_source(uow, changed)
    return changed

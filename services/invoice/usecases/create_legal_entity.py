"""A new legal entity of a tenant."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError
from services.invoice.domain.errors import exists, taken
from services.invoice.domain.resources import LegalEntity
from services.invoice.store import directory


def create_legal_entity(uow: UnitOfWork, tenant_id: str, entity: LegalEntity) -> LegalEntity:
    """Create a legal entity.

    Raises LEGAL_ENTITY_EXISTS, LEGAL_ENTITY_CODE_TAKEN, INVOICE_PREFIX_TAKEN.
    """
    if not directory.insert_legal_entity(uow.connection, tenant_id, entity):
        raise _conflict(uow, tenant_id, entity)
    return entity


def _conflict(uow: UnitOfWork, tenant_id: str, entity: LegalEntity) -> DomainError:
    if directory.find_legal_entity(uow.connection, tenant_id, entity.legal_entity_id):
        return exists("legal entity", entity.legal_entity_id)
    if directory.find_legal_entity_by_code(uow.connection, tenant_id, entity.code):
        return taken("legal entity code", entity.code)
    return taken("invoice prefix", entity.invoice_prefix)

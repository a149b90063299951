"""A new tenant."""

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.errors import exists
from services.invoice.domain.resources import Tenant
from services.invoice.store import directory


def create_tenant(uow: UnitOfWork, tenant_id: str, display_name: str) -> Tenant:
    """Create a tenant. Raises INVALID_FIELDS, TENANT_EXISTS."""
    tenant = Tenant(tenant_id, display_name, uow.now)
    if not directory.insert_tenant(uow.connection, tenant):
        raise exists("tenant", tenant_id)
    return tenant

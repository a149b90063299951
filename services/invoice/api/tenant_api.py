"""TenantService."""

from typing import Any

from grpc.aio import ServicerContext

from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from services.invoice.api.convert import tenant_to_proto
from services.invoice.store import directory
from services.invoice.usecases.create_tenant import create_tenant
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]


class TenantApi(pb_grpc.TenantServiceServicer):
    """Manages the tenants of the installation."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateTenant(
        self, request: pb.CreateTenantRequest, context: Context
    ) -> pb.CreateTenantResponse:
        """Create a tenant."""
        wanted = request.tenant
        return await self._endpoint.mutate(
            request,
            pb.CreateTenantResponse,
            lambda uow, _caller: pb.CreateTenantResponse(
                tenant=tenant_to_proto(create_tenant(uow, wanted.tenant_id, wanted.display_name))
            ),
        )

    async def ListTenants(
        self, request: pb.ListTenantsRequest, context: Context
    ) -> pb.ListTenantsResponse:
        """List the tenants by id."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, _caller: directory.list_tenants(connection, asked)
        )
        return pb.ListTenantsResponse(
            tenants=[tenant_to_proto(tenant) for tenant in page.items],
            next_page_token=next_page_token(page),
        )

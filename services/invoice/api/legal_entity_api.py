"""LegalEntityService."""

from typing import Any

from grpc.aio import ServicerContext

from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from services.invoice.api import convert
from services.invoice.store import directory
from services.invoice.usecases.create_legal_entity import create_legal_entity
from services.invoice.usecases.create_tax_rate import create_tax_rate
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]


class LegalEntityApi(pb_grpc.LegalEntityServiceServicer):
    """Manages a tenant's legal entities and tax rates."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateLegalEntity(
        self, request: pb.CreateLegalEntityRequest, context: Context
    ) -> pb.CreateLegalEntityResponse:
        """Create a legal entity."""
        entity = convert.legal_entity_from_proto(request.legal_entity)
        return await self._endpoint.mutate(
            request,
            pb.CreateLegalEntityResponse,
            lambda uow, caller: pb.CreateLegalEntityResponse(
                legal_entity=convert.legal_entity_to_proto(
                    create_legal_entity(uow, caller.tenant_id, entity)
                )
            ),
        )

    async def ListLegalEntities(
        self, request: pb.ListLegalEntitiesRequest, context: Context
    ) -> pb.ListLegalEntitiesResponse:
        """List legal entities by code."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: directory.list_legal_entities(
                connection, caller.tenant_id, asked
            )
        )
        return pb.ListLegalEntitiesResponse(
            legal_entities=[convert.legal_entity_to_proto(entity) for entity in page.items],
            next_page_token=next_page_token(page),
        )

    async def CreateTaxRate(
        self, request: pb.CreateTaxRateRequest, context: Context
    ) -> pb.CreateTaxRateResponse:
        """Add a tax rate from a day on."""
        rate = convert.tax_rate_from_proto(request.tax_rate)
        return await self._endpoint.mutate(
            request,
            pb.CreateTaxRateResponse,
            lambda uow, caller: pb.CreateTaxRateResponse(
                tax_rate=convert.tax_rate_to_proto(create_tax_rate(uow, caller.tenant_id, rate))
            ),
        )

    async def ListTaxRates(
        self, request: pb.ListTaxRatesRequest, context: Context
    ) -> pb.ListTaxRatesResponse:
        """List tax rates by country and day."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: directory.list_tax_rates(connection, caller.tenant_id, asked)
        )
        return pb.ListTaxRatesResponse(
            tax_rates=[convert.tax_rate_to_proto(rate) for rate in page.items],
            next_page_token=next_page_token(page),
        )

"""NumberingService: keeps a tenant's own area codes and exchanges of the United States."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from services.rating.domain.tariffs.jurisdiction import parse_numbering_areas
from services.rating.store.numbering_areas import list_numbering_areas
from services.rating.usecases.catalog.import_numbering_areas import import_numbering_areas
from tollbook.rating.v1 import supplier_service_pb2 as messages
from tollbook.rating.v1.supplier_pb2 import NumberingArea
from tollbook.rating.v1.supplier_service_pb2_grpc import NumberingServiceServicer


class NumberingApi(NumberingServiceServicer):
    """Keeps the numbering areas of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def ImportNumberingAreas(
        self, request: messages.ImportNumberingAreasRequest, context: Any
    ) -> messages.ImportNumberingAreasResponse:
        """Put a table in place of the one before."""

        def work(uow: UnitOfWork, caller: Caller) -> messages.ImportNumberingAreasResponse:
            areas = parse_numbering_areas(request.content)
            count = import_numbering_areas(uow, caller.tenant_id, areas)
            return messages.ImportNumberingAreasResponse(area_count=count)

        return await self._endpoint.mutate(
            request,
            messages.ImportNumberingAreasResponse,
            work,
            validate_only=request.validate_only,
        )

    async def ListNumberingAreas(
        self, request: messages.ListNumberingAreasRequest, context: Any
    ) -> messages.ListNumberingAreasResponse:
        """List the tenant's own table by prefix."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> messages.ListNumberingAreasResponse:
            found = list_numbering_areas(connection, caller.tenant_id, after, size + 1)
            page = [NumberingArea(prefix=area.prefix, state=area.state) for area in found[:size]]
            return messages.ListNumberingAreasResponse(
                areas=page, next_page_token=token_after(found, size, lambda area: [area.prefix])
            )

        return await self._endpoint.query(work)

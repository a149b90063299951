"""The RPCs of CustomerService about lines."""

from typing import Any

from grpc.aio import ServicerContext

from chassis.grpc.convert import required_time
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from services.invoice.api import convert
from services.invoice.store import lines
from services.invoice.usecases.create_line import create_line
from services.invoice.usecases.end_line import end_line
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]


class LineRpcs(pb_grpc.CustomerServiceServicer):
    """Lines: how a call finds its account."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateLine(
        self, request: pb.CreateLineRequest, context: Context
    ) -> pb.CreateLineResponse:
        """Create a line."""
        line = convert.line_from_proto(request.line)
        return await self._endpoint.mutate(
            request,
            pb.CreateLineResponse,
            lambda uow, caller: pb.CreateLineResponse(
                line=convert.line_to_proto(create_line(uow, caller.tenant_id, line))
            ),
        )

    async def EndLine(self, request: pb.EndLineRequest, context: Context) -> pb.EndLineResponse:
        """End a line at a time."""
        end = required_time(request.end_time, "end_time")
        return await self._endpoint.mutate(
            request,
            pb.EndLineResponse,
            lambda uow, caller: pb.EndLineResponse(
                line=convert.line_to_proto(end_line(uow, caller.tenant_id, request.line_id, end))
            ),
        )

    async def ListLines(
        self, request: pb.ListLinesRequest, context: Context
    ) -> pb.ListLinesResponse:
        """List lines by identifier."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: lines.list_lines(
                connection, caller.tenant_id, request.account_id, asked
            )
        )
        return pb.ListLinesResponse(
            lines=[convert.line_to_proto(each) for each in page.items],
            next_page_token=next_page_token(page),
        )

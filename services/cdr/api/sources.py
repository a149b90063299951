"""The gRPC door for managing sources."""

from typing import Any

import grpc
from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from services.cdr.api.convert import profile_from_proto, source_from_proto, source_to_proto
from services.cdr.domain.errors import etag_mismatch, invalid_source
from services.cdr.store.sources import get_source, list_sources
from services.cdr.usecases.create_source import create_source
from services.cdr.usecases.rotate_push_secret import rotate_push_secret
from services.cdr.usecases.update_source import update_source
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.cdr_service_pb2_grpc import SourceAdminServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]

_CHANGEABLE = {"profile"}


class SourceAdminApi(SourceAdminServiceServicer):
    """Converts, runs the use case, converts back."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateSource(
        self, request: pb.CreateSourceRequest, _context: Context
    ) -> pb.CreateSourceResponse:
        """Create a source."""

        def work(uow: UnitOfWork, caller: Caller) -> pb.CreateSourceResponse:
            source = create_source(uow, source_from_proto(request.source, caller.tenant_id))
            return pb.CreateSourceResponse(source=source_to_proto(source))

        return await self._endpoint.mutate(request, pb.CreateSourceResponse, work)

    async def UpdateSource(
        self, request: pb.UpdateSourceRequest, _context: Context
    ) -> pb.UpdateSourceResponse:
        """Change a source's profile."""
        unknown = set(request.update_mask.paths) - _CHANGEABLE
        if unknown:
            raise invalid_source(
                "update_mask", f"{sorted(unknown)} cannot be changed: only profile"
            )
        if not request.source.etag.isdecimal():
            raise etag_mismatch(request.source.source_id)

        def work(uow: UnitOfWork, caller: Caller) -> pb.UpdateSourceResponse:
            source = update_source(
                uow,
                caller.tenant_id,
                request.source.source_id,
                int(request.source.etag),
                profile_from_proto(request.source.profile),
            )
            return pb.UpdateSourceResponse(source=source_to_proto(source))

        return await self._endpoint.mutate(request, pb.UpdateSourceResponse, work)

    async def GetSource(
        self, request: pb.GetSourceRequest, _context: Context
    ) -> pb.GetSourceResponse:
        """Return a source."""

        def work(connection: Connection, caller: Caller) -> pb.GetSourceResponse:
            source = get_source(connection, caller.tenant_id, request.source_id)
            return pb.GetSourceResponse(source=source_to_proto(source))

        return await self._endpoint.query(work)

    async def ListSources(
        self, request: pb.ListSourcesRequest, _context: Context
    ) -> pb.ListSourcesResponse:
        """List the tenant's sources by code."""
        size = page_size(request.page_size)
        [after_code] = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> pb.ListSourcesResponse:
            sources = list_sources(connection, caller.tenant_id, after_code, size + 1)
            return pb.ListSourcesResponse(
                sources=map(source_to_proto, sources[:size]),
                next_page_token=token_after(sources, size, lambda source: [source.code]),
            )

        return await self._endpoint.query(work)

    async def RotatePushSecret(
        self, request: pb.RotatePushSecretRequest, _context: Context
    ) -> pb.RotatePushSecretResponse:
        """Make a new secret for a source's pushes."""

        def work(uow: UnitOfWork, caller: Caller) -> pb.RotatePushSecretResponse:
            credential = rotate_push_secret(uow, caller.tenant_id, request.source_id)
            return pb.RotatePushSecretResponse(user=credential.user, secret=credential.secret)

        return await self._endpoint.mutate(
            request,
            pb.RotatePushSecretResponse,
            work,
            kept=lambda response: pb.RotatePushSecretResponse(user=response.user),
        )

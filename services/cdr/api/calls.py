"""The gRPC door for finding calls and suspended records, and for trying those again."""

from typing import Any

import grpc
from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import range_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, encode_token, page_size
from chassis.security.caller import Caller
from kernel.clock import from_micros, to_micros
from services.cdr.api.convert import call_to_proto, suspended_to_proto
from services.cdr.domain.errors import call_not_found
from services.cdr.store.calls import CallFilter, get_call, list_calls
from services.cdr.store.suspense import list_suspended
from services.cdr.usecases.retry_suspended import retry_suspended
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.cdr_service_pb2_grpc import CallQueryServiceServicer

CALL_ID_CHARACTERS = 32

Context = grpc.aio.ServicerContext[Any, Any]


class CallQueryApi(CallQueryServiceServicer):
    """Converts, runs the query or use case, converts back."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GetCall(self, request: pb.GetCallRequest, _context: Context) -> pb.GetCallResponse:
        """Return a call in its newest revision."""
        call_id = _call_id(request.call_id)

        def work(connection: Connection, caller: Caller) -> pb.GetCallResponse:
            row = get_call(connection, caller.tenant_id, call_id)
            if row is None:
                raise call_not_found(request.call_id)
            return pb.GetCallResponse(call=call_to_proto(row))

        return await self._endpoint.query(work)

    async def ListCalls(
        self, request: pb.ListCallsRequest, _context: Context
    ) -> pb.ListCallsResponse:
        """List calls, newest first."""
        size = page_size(request.page_size)
        token = decode_token(request.page_token)
        before = None if token is None else (from_micros(token[0]), bytes.fromhex(token[1]))
        start, end = range_from_proto(request.start_time_range)
        which = CallFilter(request.account_id, start, end, request.number, request.rating_outcome)

        def work(connection: Connection, caller: Caller) -> pb.ListCallsResponse:
            rows = list_calls(connection, caller.tenant_id, which, before, size + 1)
            calls = pb.ListCallsResponse(calls=map(call_to_proto, rows[:size]))
            if len(rows) > size:
                last = rows[size - 1]
                calls.next_page_token = encode_token(
                    [to_micros(last.start_time), last.call_id.hex()]
                )
            return calls

        return await self._endpoint.query(work)

    async def ListSuspendedRecords(
        self, request: pb.ListSuspendedRecordsRequest, _context: Context
    ) -> pb.ListSuspendedRecordsResponse:
        """List suspended records, oldest first."""
        size = page_size(request.page_size)
        after = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> pb.ListSuspendedRecordsResponse:
            rows = list_suspended(
                connection,
                caller.tenant_id,
                source_id=request.source_id,
                reason=request.reason,
                after_id=after[0],
                limit=size + 1,
            )
            more = len(rows) > size
            return pb.ListSuspendedRecordsResponse(
                suspended_records=map(suspended_to_proto, rows[:size]),
                next_page_token=encode_token([rows[size - 1].suspended_record_id]) if more else "",
            )

        return await self._endpoint.query(work)

    async def RetrySuspendedRecords(
        self, request: pb.RetrySuspendedRecordsRequest, _context: Context
    ) -> pb.RetrySuspendedRecordsResponse:
        """Try suspended records again."""

        def work(uow: UnitOfWork, caller: Caller) -> pb.RetrySuspendedRecordsResponse:
            counts = retry_suspended(uow, caller.tenant_id, request.source_id, request.reason)
            return pb.RetrySuspendedRecordsResponse(
                accepted_count=counts.accepted,
                duplicate_count=counts.duplicate,
                suspended_count=counts.suspended,
            )

        return await self._endpoint.mutate(request, pb.RetrySuspendedRecordsResponse, work)


def _call_id(text: str) -> bytes:
    try:
        call_id = bytes.fromhex(text)
    except ValueError:
        raise call_not_found(text) from None
    if len(text) != CALL_ID_CHARACTERS:
        raise call_not_found(text)
    return call_id

"""The gRPC door for finding calls and suspended records, and for trying those again."""

from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

import grpc
from sqlalchemy import Connection, Row

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import range_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import Position, decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.clock import from_micros, to_micros
from services.cdr.api.convert import call_to_proto, suspended_to_proto
from services.cdr.domain.errors import call_not_found
from services.cdr.domain.framing import KEPT_BYTES_MAX
from services.cdr.store.calls import CallFilter, get_call, list_calls
from services.cdr.store.suspense import list_suspended
from services.cdr.usecases.retry_suspended import retry_suspended
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.cdr_service_pb2_grpc import CallQueryServiceServicer

CALL_ID_BYTES = 16
# Well below what one message may have.
RECORD_BYTES_PER_PAGE_MAX = 4 * 1024 * 1024

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
        before = _before(request.page_token)
        which = _filter(request)

        def work(connection: Connection, caller: Caller) -> pb.ListCallsResponse:
            rows = list_calls(connection, caller.tenant_id, which, before, size + 1)
            return pb.ListCallsResponse(
                calls=map(call_to_proto, rows[:size]),
                next_page_token=token_after(rows, size, _position),
            )

        return await self._endpoint.query(work)

    async def ListSuspendedRecords(
        self, request: pb.ListSuspendedRecordsRequest, _context: Context
    ) -> pb.ListSuspendedRecordsResponse:
        """List suspended records, oldest first."""
        size = page_size(request.page_size)
        [after_id] = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> pb.ListSuspendedRecordsResponse:
            rows = list_suspended(
                connection,
                caller.tenant_id,
                source_id=request.source_id,
                reason=request.reason,
                after_id=after_id,
                limit=size + 1,
            )
            shown = _first_that_fit(rows[:size])
            return pb.ListSuspendedRecordsResponse(
                suspended_records=map(suspended_to_proto, shown),
                next_page_token=token_after(
                    rows, len(shown), lambda row: [row.suspended_record_id]
                ),
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
    # Blanks between the digits are read over.
    if len(call_id) != CALL_ID_BYTES:
        raise call_not_found(text)
    return call_id


def _filter(request: pb.ListCallsRequest) -> CallFilter:
    start, end = range_from_proto(request.start_time_range)
    return CallFilter(request.account_id, start, end, request.number, request.rating_outcome)


def _position(row: Row[Any]) -> Position:
    return to_micros(row.start_time), row.call_id.hex()


def _before(token: str) -> tuple[datetime, bytes] | None:
    """The place of the last call of the page before."""
    position = decode_token(token)
    if position is None:
        return None
    micros, call_id = position
    return from_micros(micros), bytes.fromhex(call_id)


def _first_that_fit(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """At least one record, and no more than fit into an answer."""
    sizes = accumulate(min(len(row.raw_record), KEPT_BYTES_MAX) for row in rows)
    fitting = sum(size <= RECORD_BYTES_PER_PAGE_MAX for size in sizes)
    return rows[: max(fitting, 1)]

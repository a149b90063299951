"""The gRPC door through which reconciliation reads cdr's counts."""

from typing import Any

import grpc
from sqlalchemy import Connection

from chassis.grpc.convert import watermarks_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security.caller import Caller
from services.cdr.store.digest import Counts, count_records
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.cdr_service_pb2_grpc import CdrAuditServiceServicer

Context = grpc.aio.ServicerContext[Any, Any]


class CdrAuditApi(CdrAuditServiceServicer):
    """Counts the stored rows of every tenant on one snapshot."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GetCdrDigest(
        self, request: pb.GetCdrDigestRequest, _context: Context
    ) -> pb.GetCdrDigestResponse:
        """Return the counts at a watermark of this service's own log."""
        watermarks = watermarks_from_proto(request.watermarks, "cdr")

        def work(connection: Connection, _caller: Caller) -> pb.GetCdrDigestResponse:
            counts = count_records(connection, watermarks)
            return pb.GetCdrDigestResponse(
                digests=[_digest(tenant_id, counts[tenant_id]) for tenant_id in sorted(counts)]
            )

        return await self._endpoint.query(work)


def _digest(tenant_id: str, counts: Counts) -> pb.CdrDigest:
    return pb.CdrDigest(
        tenant_id=tenant_id,
        received_count=counts.received,
        accepted_count=counts.accepted,
        duplicate_count=counts.duplicate,
        suspended_count=counts.suspended,
        collected_count=counts.collected,
    )

"""RatingAuditService: proves the sums."""

from typing import Any

from chassis.grpc.convert import money_to_proto, watermarks_from_proto
from chassis.grpc.endpoint import Endpoint
from kernel.money import Money
from services.rating.domain.charges.audit import TenantDigest
from services.rating.domain.charges.settlement import Outcome
from services.rating.usecases.periods.digest_charges import digest_charges
from tollbook.rating.v1.rating_service_pb2 import (
    GetRatingDigestRequest,
    GetRatingDigestResponse,
    RatingDigest,
)
from tollbook.rating.v1.rating_service_pb2_grpc import RatingAuditServiceServicer


class RatingAuditApi(RatingAuditServiceServicer):
    """Proves the charges of every tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GetRatingDigest(
        self, request: GetRatingDigestRequest, context: Any
    ) -> GetRatingDigestResponse:
        """Recompute counts and sums up to the watermarks."""
        cdr = watermarks_from_proto(request.cdr_watermarks, "cdr")
        rating = watermarks_from_proto(request.rating_watermarks, "rating")
        digests = await self._endpoint.query(
            lambda connection, _caller: digest_charges(connection, cdr, rating)
        )
        return GetRatingDigestResponse(digests=map(_digest_to_proto, digests))


def _digest_to_proto(digest: TenantDigest) -> RatingDigest:
    return RatingDigest(
        tenant_id=digest.tenant_id,
        collected_count=digest.batches.collected,
        rated_count=digest.count(Outcome.RATED),
        zero_count=digest.count(Outcome.ZERO),
        unrated_count=digest.count(Outcome.UNRATED),
        merged_count=digest.batches.merged,
        charged_amounts=[
            money_to_proto(Money(each.currency, each.amount_micros))
            for each in digest.sums
            if each.currency
        ],
        charge_revision_count=digest.revision_count,
    )

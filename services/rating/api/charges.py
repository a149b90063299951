"""ChargeQueryService: finds charges, and tries those without a price again."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import range_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, encode_token, page_size
from chassis.security.caller import Caller
from services.rating.api.convert import charge_to_proto
from services.rating.domain.errors import not_found
from services.rating.store.charges import list_charges, newest_charges
from services.rating.store.unrated import FIRST
from services.rating.usecases.retry_unrated_calls import RetriedPart, retry_part
from services.rating.usecases.tariffs import Tariffs
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2_grpc import ChargeQueryServiceServicer

# No call has it: keys begin with the time of the call.
NO_CHARGE = bytes(16)


class ChargeQueryApi(ChargeQueryServiceServicer):
    """Shows the charges of the caller's tenant."""

    def __init__(self, endpoint: Endpoint, tariffs: Tariffs) -> None:
        self._endpoint = endpoint
        self._tariffs = tariffs

    async def GetCharge(
        self, request: messages.GetChargeRequest, context: Any
    ) -> messages.GetChargeResponse:
        """Return a charge in its newest revision."""

        def work(connection: Connection, caller: Caller) -> messages.GetChargeResponse:
            key = _key(request.charge_id)
            charges = newest_charges(connection, caller.tenant_id, [key])
            if key not in charges:
                raise not_found("CHARGE", request.charge_id)
            return messages.GetChargeResponse(charge=charge_to_proto(charges[key]))

        return await self._endpoint.query(work)

    async def ListCharges(
        self, request: messages.ListChargesRequest, context: Any
    ) -> messages.ListChargesResponse:
        """List the charges of an account, the newest start first."""
        size = page_size(request.page_size)
        span = range_from_proto(request.start_time_range)
        token = decode_token(request.page_token)
        before = bytes.fromhex(token[0]) if token else None
        outcome = request.outcome or None

        def work(connection: Connection, caller: Caller) -> messages.ListChargesResponse:
            charges = list_charges(
                connection, caller.tenant_id, request.account_id, span, outcome, before, size + 1
            )
            page = charges[:size]
            following = encode_token([page[-1].charge_id.hex()]) if len(charges) > size else ""
            return messages.ListChargesResponse(
                charges=[charge_to_proto(charge) for charge in page], next_page_token=following
            )

        return await self._endpoint.query(work)

    async def RetryUnratedCalls(
        self, request: messages.RetryUnratedCallsRequest, context: Any
    ) -> messages.RetryUnratedCallsResponse:
        """Try calls again, a part of them in each transaction."""
        known = await self._endpoint.remembered(request, messages.RetryUnratedCallsResponse)
        if known is not None:
            return known
        response = messages.RetryUnratedCallsResponse()
        after: bytes | None = FIRST
        while after is not None:
            part = await self._endpoint.write(_retry(self._tariffs, request.account_id, after))
            response.rated_count += part.priced
            response.unrated_count += part.unrated
            after = part.last
        return await self._endpoint.mutate(
            request, messages.RetryUnratedCallsResponse, lambda _uow, _caller: response
        )


def _retry(tariffs: Tariffs, account_id: str, after: bytes) -> Any:
    def work(uow: UnitOfWork, caller: Caller) -> RetriedPart:
        return retry_part(uow, tariffs, caller.tenant_id, account_id, after)

    return work


def _key(charge_id: str) -> bytes:
    """The key that a text stands for; a text that is none belongs to no charge."""
    try:
        key = bytes.fromhex(charge_id)
    except ValueError:
        return NO_CHARGE
    return key if len(key) == len(NO_CHARGE) else NO_CHARGE

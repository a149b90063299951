"""ChargeQueryService: finds charges, and tries those without a price again."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import range_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from services.rating.api.convert_charges import charge_key, charge_to_proto
from services.rating.domain.errors import not_found
from services.rating.store.charges import (
    charge_revision,
    list_charges,
    newest_charges,
    parties_of,
)
from services.rating.store.margins import margins_of
from services.rating.store.unrated import FIRST
from services.rating.usecases.settling.retry_unrated_calls import RetriedPart, retry_part
from services.rating.usecases.tariffs import Tariffs
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2_grpc import ChargeQueryServiceServicer


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
            key = charge_key(request.charge_id)
            charges = newest_charges(connection, caller.tenant_id, [key])
            if key not in charges:
                raise not_found("CHARGE", request.charge_id)
            margin = margins_of(connection, [key]).get(key)
            return messages.GetChargeResponse(charge=charge_to_proto(charges[key], margin))

        return await self._endpoint.query(work)

    async def ExplainCharge(
        self, request: messages.ExplainChargeRequest, context: Any
    ) -> messages.ExplainChargeResponse:
        """Explain a revision of a charge, beside the other parties of its call."""

        def work(connection: Connection, caller: Caller) -> messages.ExplainChargeResponse:
            key = charge_key(request.charge_id)
            charge = charge_revision(connection, caller.tenant_id, key, request.revision)
            if charge is None:
                raise not_found("CHARGE", request.charge_id)
            parties = parties_of(connection, charge)
            margins = margins_of(connection, [charge.charge_id, *(p.charge_id for p in parties)])
            return messages.ExplainChargeResponse(
                charge=charge_to_proto(charge, margins.get(charge.charge_id)),
                receipt_content=charge.receipt,
                other_parties=[
                    charge_to_proto(each, margins.get(each.charge_id)) for each in parties
                ],
            )

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
            return messages.ListChargesResponse(
                charges=[charge_to_proto(charge) for charge in charges[:size]],
                next_page_token=token_after(charges, size, lambda each: [each.charge_id.hex()]),
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

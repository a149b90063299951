"""FundsService: shows what accounts have, and lays down what they may spend."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.security.caller import Caller
from kernel.clock import utc_now
from services.payment.api.convert_funds import change_from_proto, funds_to_proto
from services.payment.usecases.funds.lay_down_policy import FundsView, lay_down_policy, show_funds
from tollbook.payment.v1.funds_service_pb2 import (
    GetFundsRequest,
    GetFundsResponse,
    UpdateFundsPolicyRequest,
    UpdateFundsPolicyResponse,
)
from tollbook.payment.v1.funds_service_pb2_grpc import FundsServiceServicer


class FundsApi(FundsServiceServicer):
    """Manages the funds of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GetFunds(self, request: GetFundsRequest, context: Any) -> GetFundsResponse:
        """Return what an account has."""

        def work(connection: Connection, caller: Caller) -> FundsView:
            return show_funds(connection, caller.tenant_id, request.account_id, utc_now())

        return GetFundsResponse(funds=funds_to_proto(await self._endpoint.query(work)))

    async def UpdateFundsPolicy(
        self, request: UpdateFundsPolicyRequest, context: Any
    ) -> UpdateFundsPolicyResponse:
        """Change how much an account may spend."""
        change = change_from_proto(request.policy, request.update_mask)

        def work(unit_of_work: UnitOfWork, caller: Caller) -> UpdateFundsPolicyResponse:
            view = lay_down_policy(unit_of_work, caller.tenant_id, request.account_id, change)
            return UpdateFundsPolicyResponse(funds=funds_to_proto(view))

        return await self._endpoint.mutate(request, UpdateFundsPolicyResponse, work)

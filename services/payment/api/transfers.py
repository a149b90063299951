"""TransferService: holds, captures and releases money."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import Position, decode_token, page_size, token_after
from chassis.security.caller import Caller, current_caller
from kernel.clock import from_micros, to_micros
from kernel.errors import DomainError
from services.payment.api.convert_transfers import (
    error_to_proto,
    hold_to_proto,
    result_to_proto,
    transfer_from_proto,
)
from services.payment.domain.funds.holds import Hold
from services.payment.domain.funds.transfer_errors import batch_too_large
from services.payment.domain.funds.transfers import STEPS_MAX, Result, Transfer
from services.payment.store.accounts import account_of
from services.payment.store.holds import hold_of, open_holds
from services.payment.usecases.funds.execute_transfers import TransferExecution
from tollbook.payment.v1.hold_pb2 import Transfer as TransferMessage
from tollbook.payment.v1.transfer_service_pb2 import (
    ExecuteTransfersRequest,
    ExecuteTransfersResponse,
    GetHoldRequest,
    GetHoldResponse,
    ListHoldsRequest,
    ListHoldsResponse,
)
from tollbook.payment.v1.transfer_service_pb2_grpc import TransferServiceServicer


class TransferApi(TransferServiceServicer):
    """Moves money of the caller's tenant in two phases."""

    def __init__(self, endpoint: Endpoint, execution: TransferExecution) -> None:
        self._endpoint = endpoint
        self._execution = execution

    async def ExecuteTransfers(
        self, request: ExecuteTransfersRequest, context: Any
    ) -> ExecuteTransfersResponse:
        """Execute steps; one that cannot be read stops only itself."""
        count = len(request.transfers)
        if count > STEPS_MAX:
            raise batch_too_large(count, STEPS_MAX)
        caller = current_caller()
        asked = [_read(message, caller.subject) for message in request.transfers]
        transfers = [each for each in asked if isinstance(each, Transfer)]
        results: Sequence[Result] = ()
        if transfers:
            results = await self._execution.execute(caller.tenant_id, transfers)
        remaining = iter(results)
        return ExecuteTransfersResponse(
            results=[
                error_to_proto(each)
                if isinstance(each, DomainError)
                else result_to_proto(next(remaining))
                for each in asked
            ]
        )

    async def GetHold(self, request: GetHoldRequest, context: Any) -> GetHoldResponse:
        """Return a hold."""

        def work(connection: Connection, caller: Caller) -> Hold:
            return hold_of(connection, caller.tenant_id, request.hold_id)

        return GetHoldResponse(hold=hold_to_proto(await self._endpoint.query(work)))

    async def ListHolds(self, request: ListHoldsRequest, context: Any) -> ListHoldsResponse:
        """List the open holds of an account, the oldest first."""
        size = page_size(request.page_size)
        place = decode_token(request.page_token)
        after = None if place is None else (from_micros(place[0]), str(place[1]))

        def work(connection: Connection, caller: Caller) -> list[Hold]:
            tenant_id, account_id = caller.tenant_id, request.account_id
            account_of(connection, tenant_id, account_id)
            return open_holds(connection, tenant_id, account_id, after, size + 1)

        holds = await self._endpoint.query(work)
        return ListHoldsResponse(
            holds=[hold_to_proto(hold) for hold in holds[:size]],
            next_page_token=token_after(holds, size, _position),
        )


def _read(message: TransferMessage, actor: str) -> Transfer | DomainError:
    try:
        return transfer_from_proto(message, actor)
    except DomainError as error:
        return error


def _position(hold: Hold) -> Position:
    return [to_micros(hold.create_time), hold.hold_id]

"""AdjustmentService: adjusts the money of accounts."""

from collections.abc import Callable
from typing import Any, TypeVar

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_from_proto
from chassis.grpc.endpoint import Endpoint, MutatingRequest
from chassis.grpc.pages import Position, decode_token, page_size, token_after
from chassis.security.caller import Caller
from kernel.clock import from_micros, to_micros
from services.payment.api.convert_adjustments import (
    adjustment_to_proto,
    order_between,
    order_of,
    promotion_to_proto,
    rate_from_proto,
    write_off_of,
)
from services.payment.domain.adjustments.adjustment import Adjustment
from services.payment.domain.funds.promotion import Promotion
from services.payment.store.accounts import account_of
from services.payment.store.adjustments import get_adjustment, list_adjustments
from services.payment.store.promotions import list_promotions
from services.payment.usecases.adjustments.correct_entry import correct_entry
from services.payment.usecases.adjustments.grant_promotion import grant_promotion
from services.payment.usecases.adjustments.move_money import (
    exchange_money,
    refund_money,
    transfer_money,
)
from services.payment.usecases.adjustments.write_off_debt import write_off_debt
from tollbook.payment.v1 import adjustment_service_pb2 as messages
from tollbook.payment.v1.adjustment_service_pb2_grpc import AdjustmentServiceServicer

R = TypeVar("R", bound=Message)


class AdjustmentApi(AdjustmentServiceServicer):
    """Adjusts the money of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def GrantPromotion(
        self, request: messages.GrantPromotionRequest, context: Any
    ) -> messages.GrantPromotionResponse:
        """Grant promotional credit."""

        def work(unit_of_work: UnitOfWork, caller: Caller) -> messages.GrantPromotionResponse:
            order, expires = order_of(request, caller.subject), time_from_proto(request.expire_time)
            promotion, adjustment = grant_promotion(unit_of_work, caller.tenant_id, order, expires)
            return messages.GrantPromotionResponse(
                promotion=promotion_to_proto(promotion), adjustment=adjustment_to_proto(adjustment)
            )

        return await self._endpoint.mutate(request, messages.GrantPromotionResponse, work)

    async def ListPromotions(
        self, request: messages.ListPromotionsRequest, context: Any
    ) -> messages.ListPromotionsResponse:
        """List the promotional credit of an account, the first to expire first."""
        size = page_size(request.page_size)
        place = decode_token(request.page_token)
        after = None if place is None else (from_micros(place[0]), str(place[1]))

        def work(connection: Connection, caller: Caller) -> list[Promotion]:
            account = account_of(connection, caller.tenant_id, request.account_id)
            key = (caller.tenant_id, account.account_id)
            return list_promotions(connection, *key, after, size + 1)

        found = await self._endpoint.query(work)
        return messages.ListPromotionsResponse(
            promotions=[promotion_to_proto(each) for each in found[:size]],
            next_page_token=token_after(found, size, _position_of_promotion),
        )

    async def TransferMoney(
        self, request: messages.TransferMoneyRequest, context: Any
    ) -> messages.TransferMoneyResponse:
        """Move money from one wallet to another."""

        def adjust(unit_of_work: UnitOfWork, caller: Caller) -> Adjustment:
            order = order_between(request, caller.subject)
            return transfer_money(unit_of_work, caller.tenant_id, order)

        return await self._adjust(request, messages.TransferMoneyResponse, adjust)

    async def ExchangeMoney(
        self, request: messages.ExchangeMoneyRequest, context: Any
    ) -> messages.ExchangeMoneyResponse:
        """Move money from one wallet to another of another currency."""

        def adjust(unit_of_work: UnitOfWork, caller: Caller) -> Adjustment:
            order, rate = order_between(request, caller.subject), rate_from_proto(request.exchange)
            return exchange_money(unit_of_work, caller.tenant_id, order, rate)

        return await self._adjust(request, messages.ExchangeMoneyResponse, adjust)

    async def RefundMoney(
        self, request: messages.RefundMoneyRequest, context: Any
    ) -> messages.RefundMoneyResponse:
        """Pay money back."""

        def adjust(unit_of_work: UnitOfWork, caller: Caller) -> Adjustment:
            order = order_of(request, caller.subject)
            return refund_money(unit_of_work, caller.tenant_id, order)

        return await self._adjust(request, messages.RefundMoneyResponse, adjust)

    async def WriteOffDebt(
        self, request: messages.WriteOffDebtRequest, context: Any
    ) -> messages.WriteOffDebtResponse:
        """Give up a debt."""

        def adjust(unit_of_work: UnitOfWork, caller: Caller) -> Adjustment:
            order = write_off_of(request, caller.subject)
            return write_off_debt(unit_of_work, caller.tenant_id, order)

        return await self._adjust(request, messages.WriteOffDebtResponse, adjust)

    async def CorrectEntry(
        self, request: messages.CorrectEntryRequest, context: Any
    ) -> messages.CorrectEntryResponse:
        """Take an entry back."""

        def adjust(unit_of_work: UnitOfWork, caller: Caller) -> Adjustment:
            wanted = (request.journal_entry_id, request.note, caller.subject)
            return correct_entry(unit_of_work, caller.tenant_id, *wanted)

        return await self._adjust(request, messages.CorrectEntryResponse, adjust)

    async def GetAdjustment(
        self, request: messages.GetAdjustmentRequest, context: Any
    ) -> messages.GetAdjustmentResponse:
        """Return an adjustment."""

        def work(connection: Connection, caller: Caller) -> Adjustment:
            return get_adjustment(connection, caller.tenant_id, request.adjustment_id)

        found = await self._endpoint.query(work)
        return messages.GetAdjustmentResponse(adjustment=adjustment_to_proto(found))

    async def ListAdjustments(
        self, request: messages.ListAdjustmentsRequest, context: Any
    ) -> messages.ListAdjustmentsResponse:
        """List adjustments, newest first."""
        size = page_size(request.page_size)
        place = decode_token(request.page_token)
        before = None if place is None else (from_micros(place[0]), str(place[1]))

        def work(connection: Connection, caller: Caller) -> list[Adjustment]:
            key = (caller.tenant_id, request.account_id)
            return list_adjustments(connection, *key, before, size + 1)

        found = await self._endpoint.query(work)
        return messages.ListAdjustmentsResponse(
            adjustments=[adjustment_to_proto(each) for each in found[:size]],
            next_page_token=token_after(found, size, _position),
        )

    async def _adjust(
        self,
        request: MutatingRequest,
        response: type[R],
        adjust: Callable[[UnitOfWork, Caller], Adjustment],
    ) -> R:
        def work(unit_of_work: UnitOfWork, caller: Caller) -> R:
            return response(adjustment=adjustment_to_proto(adjust(unit_of_work, caller)))

        return await self._endpoint.mutate(request, response, work)


def _position(adjustment: Adjustment) -> Position:
    return [to_micros(adjustment.create_time), adjustment.adjustment_id]


def _position_of_promotion(promotion: Promotion) -> Position:
    return [to_micros(promotion.expire_time), promotion.promotion_id]

"""PeriodService: closes billing periods together with invoice."""

from typing import Any

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_to_proto, period_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.security.caller import Caller
from kernel.money import Money
from services.rating.api.convert_charges import charge_to_proto
from services.rating.domain.charges.seal import Seal
from services.rating.usecases.periods.charge_recurring_fee import RecurringFee, charge_recurring_fee
from services.rating.usecases.periods.seal_period import seal_period
from services.rating.usecases.tariffs import Tariffs
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2_grpc import PeriodServiceServicer


class PeriodApi(PeriodServiceServicer):
    """Charges fees and seals periods of the caller's tenant."""

    def __init__(self, endpoint: Endpoint, tariffs: Tariffs) -> None:
        self._endpoint = endpoint
        self._tariffs = tariffs

    async def ChargeRecurringFee(
        self, request: messages.ChargeRecurringFeeRequest, context: Any
    ) -> messages.ChargeRecurringFeeResponse:
        """Charge a fee once."""
        fee = RecurringFee(
            request.subscription_id,
            request.account_id,
            request.plan_id,
            period_from_proto(request.billing_period),
            period_from_proto(request.covered_period),
        )

        def work(uow: UnitOfWork, caller: Caller) -> messages.ChargeRecurringFeeResponse:
            charge = charge_recurring_fee(uow, self._tariffs, caller.tenant_id, fee)
            return messages.ChargeRecurringFeeResponse(charge=charge_to_proto(charge))

        return await self._endpoint.mutate(request, messages.ChargeRecurringFeeResponse, work)

    async def SealPeriod(
        self, request: messages.SealPeriodRequest, context: Any
    ) -> messages.SealPeriodResponse:
        """Seal a period for ever."""
        period = period_from_proto(request.billing_period)

        def work(uow: UnitOfWork, caller: Caller) -> messages.SealPeriodResponse:
            seal = seal_period(uow, self._tariffs, caller.tenant_id, request.account_id, period)
            return _seal_to_proto(seal)

        return await self._endpoint.mutate(request, messages.SealPeriodResponse, work)


def _seal_to_proto(seal: Seal) -> messages.SealPeriodResponse:
    return messages.SealPeriodResponse(
        seal_id=seal.seal_id,
        charge_count=seal.charge_count,
        amount=money_to_proto(Money(seal.currency, seal.amount_micros)),
        usage_lines=[
            messages.SealedUsageLine(
                usage_line=line.usage_line,
                charge_count=line.charge_count,
                amount=money_to_proto(Money(seal.currency, line.amount_micros)),
            )
            for line in seal.usage_lines
        ],
        digest=seal.digest,
        unrated_count=seal.unrated_count,
    )

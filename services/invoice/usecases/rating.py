"""What this service asks of rating, in its own words; errors come back as DomainError."""

import grpc.aio

from chassis.grpc.client import acting_for
from chassis.grpc.convert import money_from_proto, range_to_proto
from kernel.period import Period
from services.invoice.domain.account import Subscription
from services.invoice.domain.billing_period import Seal, UsageSum, derived_request_id
from tollbook.rating.v1 import rating_service_pb2 as pb
from tollbook.rating.v1 import rating_service_pb2_grpc as pb_grpc


class Rating:
    """The neighbour that prices and seals. Every step of closing may be repeated without harm."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._plans = pb_grpc.PlanServiceStub(channel)
        self._periods = pb_grpc.PeriodServiceStub(channel)

    async def check_plan(self, tenant_id: str, plan_id: str) -> None:
        """Make sure that there is a plan. Raises PLAN_NOT_FOUND."""
        with acting_for(tenant_id):
            await self._plans.GetPlan(pb.GetPlanRequest(plan_id=plan_id))

    async def charge_fee(
        self, tenant_id: str, subscription: Subscription, period: Period, covered: Period
    ) -> None:
        """Charge a subscription's fee for a period of its payer, once."""
        request = pb.ChargeRecurringFeeRequest(
            subscription_id=subscription.subscription_id,
            account_id=subscription.account_id,
            plan_id=subscription.plan_id,
            billing_period=range_to_proto(period),
            covered_period=range_to_proto(covered),
            request_id=derived_request_id(
                "fee", tenant_id, subscription.subscription_id, period.start.isoformat()
            ),
        )
        with acting_for(tenant_id):
            await self._periods.ChargeRecurringFee(request)

    async def seal(self, tenant_id: str, account_id: str, period: Period) -> Seal:
        """Seal a period: from now on it holds what the seal says. Raises PREVIOUS_PERIOD_OPEN."""
        request = pb.SealPeriodRequest(
            account_id=account_id,
            billing_period=range_to_proto(period),
            request_id=derived_request_id("seal", tenant_id, account_id, period.start.isoformat()),
        )
        with acting_for(tenant_id):
            answer = await self._periods.SealPeriod(request)
        amount = money_from_proto(answer.amount)
        return Seal(answer.seal_id, UsageSum(answer.charge_count, amount.micros), answer.digest)

"""The RPCs of CustomerService about subscriptions."""

from typing import Any

from grpc.aio import ServicerContext

from chassis.grpc.convert import required_time
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import next_page_token, requested_page
from chassis.security.caller import current_caller
from services.invoice.api import convert
from services.invoice.store import subscriptions
from services.invoice.usecases.create_subscription import create_subscription
from services.invoice.usecases.end_subscription import end_subscription
from services.invoice.usecases.rating import Rating
from tollbook.invoice.v1 import invoice_service_pb2 as pb
from tollbook.invoice.v1 import invoice_service_pb2_grpc as pb_grpc

Context = ServicerContext[Any, Any]


class SubscriptionRpcs(pb_grpc.CustomerServiceServicer):
    """Subscriptions: which plan an account uses."""

    def __init__(self, endpoint: Endpoint, rating: Rating) -> None:
        self._endpoint = endpoint
        self._rating = rating

    async def CreateSubscription(
        self, request: pb.CreateSubscriptionRequest, context: Context
    ) -> pb.CreateSubscriptionResponse:
        """Subscribe an account to a plan."""
        known = await self._endpoint.remembered(request, pb.CreateSubscriptionResponse)
        if known is not None:
            return known
        subscription = convert.subscription_from_proto(request.subscription)
        tenant_id = current_caller().tenant_id
        await self._rating.check_plan(tenant_id, subscription.plan_id)
        return await self._endpoint.mutate(
            request,
            pb.CreateSubscriptionResponse,
            lambda uow, caller: pb.CreateSubscriptionResponse(
                subscription=convert.subscription_to_proto(
                    create_subscription(uow, caller.tenant_id, subscription)
                )
            ),
        )

    async def EndSubscription(
        self, request: pb.EndSubscriptionRequest, context: Context
    ) -> pb.EndSubscriptionResponse:
        """End a subscription at a time."""
        end = required_time(request.end_time, "end_time")
        return await self._endpoint.mutate(
            request,
            pb.EndSubscriptionResponse,
            lambda uow, caller: pb.EndSubscriptionResponse(
                subscription=convert.subscription_to_proto(
                    end_subscription(uow, caller.tenant_id, request.subscription_id, end)
                )
            ),
        )

    async def ListSubscriptions(
        self, request: pb.ListSubscriptionsRequest, context: Context
    ) -> pb.ListSubscriptionsResponse:
        """List subscriptions by account and start."""
        asked = requested_page(request)
        page = await self._endpoint.query(
            lambda connection, caller: subscriptions.list_subscriptions(
                connection, caller.tenant_id, request.account_id, asked
            )
        )
        return pb.ListSubscriptionsResponse(
            subscriptions=[convert.subscription_to_proto(each) for each in page.items],
            next_page_token=next_page_token(page),
        )

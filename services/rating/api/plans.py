"""PlanService: manages plans."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_from_proto, time_from_proto
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, encode_token, page_size
from chassis.security.caller import Caller
from services.rating.api.convert import ROUNDING_MODES, plan_to_proto
from services.rating.domain.errors import not_found
from services.rating.domain.rounding_rules import DurationRounding, PriceRule
from services.rating.store.plans import latest_revisions, list_plans, plan_of
from services.rating.usecases.create_plan import create_plan
from services.rating.usecases.publish_plan_revision import NewTerms, publish_plan_revision
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.plan_pb2 import PlanRevision
from tollbook.rating.v1.rating_service_pb2_grpc import PlanServiceServicer


class PlanApi(PlanServiceServicer):
    """Manages the plans of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreatePlan(
        self, request: messages.CreatePlanRequest, context: Any
    ) -> messages.CreatePlanResponse:
        """Create a plan without terms."""
        new = request.plan

        def work(uow: UnitOfWork, caller: Caller) -> messages.CreatePlanResponse:
            plan = create_plan(
                uow, caller.tenant_id, new.plan_id, new.code, new.display_name, new.currency_code
            )
            return messages.CreatePlanResponse(plan=plan_to_proto(plan, None))

        return await self._endpoint.mutate(request, messages.CreatePlanResponse, work)

    async def PublishPlanRevision(
        self, request: messages.PublishPlanRevisionRequest, context: Any
    ) -> messages.PublishPlanRevisionResponse:
        """Give a plan new terms."""
        terms = _terms(request.revision)

        def work(uow: UnitOfWork, caller: Caller) -> messages.PublishPlanRevisionResponse:
            plan, revision = publish_plan_revision(uow, caller.tenant_id, request.plan_id, terms)
            return messages.PublishPlanRevisionResponse(plan=plan_to_proto(plan, revision))

        return await self._endpoint.mutate(request, messages.PublishPlanRevisionResponse, work)

    async def GetPlan(
        self, request: messages.GetPlanRequest, context: Any
    ) -> messages.GetPlanResponse:
        """Return a plan."""

        def work(connection: Connection, caller: Caller) -> messages.GetPlanResponse:
            plan = plan_of(connection, caller.tenant_id, request.plan_id)
            if plan is None:
                raise not_found("PLAN", request.plan_id)
            revisions = latest_revisions(connection, caller.tenant_id, [plan.plan_id])
            found = plan_to_proto(plan, revisions.get(plan.plan_id))
            return messages.GetPlanResponse(plan=found)

        return await self._endpoint.query(work)

    async def ListPlans(
        self, request: messages.ListPlansRequest, context: Any
    ) -> messages.ListPlansResponse:
        """List plans by code."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> messages.ListPlansResponse:
            plans = list_plans(connection, caller.tenant_id, after, size + 1)
            page = plans[:size]
            ids = [plan.plan_id for plan in page]
            revisions = latest_revisions(connection, caller.tenant_id, ids)
            return messages.ListPlansResponse(
                plans=[plan_to_proto(plan, revisions.get(plan.plan_id)) for plan in page],
                next_page_token=encode_token([page[-1].code]) if len(plans) > size else "",
            )

        return await self._endpoint.query(work)


def _terms(message: PlanRevision) -> NewTerms:
    return NewTerms(
        effective_time=time_from_proto(message.effective_time),
        rate_deck_ids=tuple(message.rate_deck_ids),
        duration_rounding=DurationRounding(message.duration_rounding or DurationRounding.UP),
        price_rule=PriceRule(ROUNDING_MODES[message.price_rounding], message.price_decimals),
        monthly_fee=(
            money_from_proto(message.monthly_fee) if message.HasField("monthly_fee") else None
        ),
    )

"""PlanService: manages plans."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from services.rating.api.convert_plans import draft_from_proto, plan_to_proto, revision_to_proto
from services.rating.api.field_mask import fields_to_change
from services.rating.domain.errors import not_found
from services.rating.domain.plans.plan import Plan
from services.rating.store.plans import (
    latest_revisions,
    list_plans,
    list_revisions,
    plan_of,
    revision_of,
)
from services.rating.usecases.catalog.create_plan import create_plan
from services.rating.usecases.catalog.publish_plan_revision import publish_plan_revision
from services.rating.usecases.catalog.rename_plan import rename_plan
from tollbook.rating.v1 import plan_pb2
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rating_service_pb2_grpc import PlanServiceServicer


class PlanApi(PlanServiceServicer):
    """Manages the plans of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreatePlan(
        self, request: messages.CreatePlanRequest, context: Any
    ) -> messages.CreatePlanResponse:
        """Create a plan, with its first terms if they are given."""
        new = request.plan

        def work(uow: UnitOfWork, caller: Caller) -> messages.CreatePlanResponse:
            plan = create_plan(
                uow, caller.tenant_id, new.plan_id, new.code, new.display_name, new.currency_code
            )
            revision = None
            if new.HasField("latest_revision"):
                draft = draft_from_proto(new.latest_revision, uow.now)
                plan, revision = publish_plan_revision(uow, caller.tenant_id, plan.plan_id, draft)
            return messages.CreatePlanResponse(plan=plan_to_proto(plan, revision))

        return await self._endpoint.mutate(
            request, messages.CreatePlanResponse, work, validate_only=request.validate_only
        )

    async def PublishPlanRevision(
        self, request: messages.PublishPlanRevisionRequest, context: Any
    ) -> messages.PublishPlanRevisionResponse:
        """Give a plan new terms."""

        def work(uow: UnitOfWork, caller: Caller) -> messages.PublishPlanRevisionResponse:
            draft = draft_from_proto(request.revision, uow.now)
            plan, revision = publish_plan_revision(uow, caller.tenant_id, request.plan_id, draft)
            return messages.PublishPlanRevisionResponse(plan=plan_to_proto(plan, revision))

        return await self._endpoint.mutate(
            request,
            messages.PublishPlanRevisionResponse,
            work,
            validate_only=request.validate_only,
        )

    async def UpdatePlan(
        self, request: messages.UpdatePlanRequest, context: Any
    ) -> messages.UpdatePlanResponse:
        """Change what people read of a plan."""
        fields_to_change(request.update_mask, {"display_name"})
        new = request.plan

        def work(uow: UnitOfWork, caller: Caller) -> messages.UpdatePlanResponse:
            plan = rename_plan(uow, caller.tenant_id, new.plan_id, new.display_name)
            found = _with_terms(uow.connection, caller.tenant_id, [plan])
            return messages.UpdatePlanResponse(plan=found[0])

        return await self._endpoint.mutate(request, messages.UpdatePlanResponse, work)

    async def GetPlan(
        self, request: messages.GetPlanRequest, context: Any
    ) -> messages.GetPlanResponse:
        """Return a plan."""

        def work(connection: Connection, caller: Caller) -> messages.GetPlanResponse:
            plan = _plan(connection, caller.tenant_id, request.plan_id)
            found = _with_terms(connection, caller.tenant_id, [plan])
            return messages.GetPlanResponse(plan=found[0])

        return await self._endpoint.query(work)

    async def GetPlanRevision(
        self, request: messages.GetPlanRevisionRequest, context: Any
    ) -> messages.GetPlanRevisionResponse:
        """Return the terms that a receipt names."""

        def work(connection: Connection, caller: Caller) -> messages.GetPlanRevisionResponse:
            revision = revision_of(connection, caller.tenant_id, request.plan_revision_id)
            if revision is None:
                raise not_found("PLAN_REVISION", request.plan_revision_id)
            plan = _plan(connection, caller.tenant_id, revision.plan_id)
            return messages.GetPlanRevisionResponse(
                plan_id=plan.plan_id, revision=revision_to_proto(revision, plan.currency)
            )

        return await self._endpoint.query(work)

    async def ListPlanRevisions(
        self, request: messages.ListPlanRevisionsRequest, context: Any
    ) -> messages.ListPlanRevisionsResponse:
        """List the terms of a plan over time, the newest first."""
        size = page_size(request.page_size)
        [before] = decode_token(request.page_token) or [None]

        def work(connection: Connection, caller: Caller) -> messages.ListPlanRevisionsResponse:
            plan = _plan(connection, caller.tenant_id, request.plan_id)
            found = list_revisions(connection, caller.tenant_id, plan.plan_id, before, size + 1)
            return messages.ListPlanRevisionsResponse(
                revisions=[revision_to_proto(each, plan.currency) for each in found[:size]],
                next_page_token=token_after(found, size, lambda each: [each.revision]),
            )

        return await self._endpoint.query(work)

    async def ListPlans(
        self, request: messages.ListPlansRequest, context: Any
    ) -> messages.ListPlansResponse:
        """List plans by code."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]

        def work(connection: Connection, caller: Caller) -> messages.ListPlansResponse:
            plans = list_plans(connection, caller.tenant_id, after, size + 1)
            return messages.ListPlansResponse(
                plans=_with_terms(connection, caller.tenant_id, plans[:size]),
                next_page_token=token_after(plans, size, lambda plan: [plan.code]),
            )

        return await self._endpoint.query(work)


def _plan(connection: Connection, tenant_id: str, plan_id: str) -> Plan:
    plan = plan_of(connection, tenant_id, plan_id)
    if plan is None:
        raise not_found("PLAN", plan_id)
    return plan


def _with_terms(connection: Connection, tenant_id: str, plans: list[Plan]) -> list[plan_pb2.Plan]:
    """Plans with the newest terms of each."""
    revisions = latest_revisions(connection, tenant_id, [plan.plan_id for plan in plans])
    return [plan_to_proto(plan, revisions.get(plan.plan_id)) for plan in plans]

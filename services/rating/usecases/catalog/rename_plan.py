"""Changing what people read of a plan."""

from dataclasses import replace

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.errors import not_found
from services.rating.domain.naming import check_display_name
from services.rating.domain.plans.plan import Plan
from services.rating.store.plans import plan_of, set_plan_name


def rename_plan(uow: UnitOfWork, tenant_id: str, plan_id: str, display_name: str) -> Plan:
    """Give a plan another display name; prices do not change.

    Raises:
        DomainError: PLAN_NOT_FOUND, INVALID_NAME.
    """
    plan = plan_of(uow.connection, tenant_id, plan_id)
    if plan is None:
        raise not_found("PLAN", plan_id)
    check_display_name("plan.display_name", display_name)
    set_plan_name(uow.connection, tenant_id, plan_id, display_name)
    return replace(plan, display_name=display_name)

"""Creating a plan, still without terms."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError, ErrorKind
from kernel.ids import new_uuid
from kernel.money import minor_unit_decimals
from services.rating.domain.naming import check_code, check_display_name, check_id
from services.rating.domain.plans.plan import Plan
from services.rating.store.plans import insert_plan_if_new
from services.rating.store.suppliers import supplier_of
from services.rating.store.tariff_numbers import lock_tariff


def create_plan(
    uow: UnitOfWork, tenant_id: str, plan_id: str, code: str, display_name: str, currency: str
) -> Plan:
    """Store a plan; its creator may choose the id.

    Raises:
        DomainError: PLAN_CODE_TAKEN, INVALID_CODE, INVALID_NAME, INVALID_ID, UNKNOWN_CURRENCY.
    """
    check_id("plan.plan_id", plan_id)
    check_code("plan.code", code)
    check_display_name("plan.display_name", display_name)
    minor_unit_decimals(currency)
    plan = Plan(plan_id or new_uuid(), code, display_name, currency, uow.now)
    lock_tariff(uow.connection, tenant_id)
    # A supplier is priced as a plan of its own: the ids of both are one space.
    is_free = supplier_of(uow.connection, tenant_id, plan.plan_id) is None
    if not is_free or not insert_plan_if_new(uow.connection, tenant_id, plan):
        raise DomainError(
            ErrorKind.ALREADY_EXISTS,
            "PLAN_CODE_TAKEN",
            f"there is a plan with the code {code!r} or this id already; choose another",
            {"code": code},
        )
    return plan

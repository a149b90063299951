"""`tollbook publish-plan`: a plan with its terms, from a JSON file."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from chassis.grpc.client import acting_for
from cli.connection import Connection
from cli.json_files import read_message
from cli.listing import pages
from cli.options import FileArgument, TenantOption, ValidateOnlyOption
from cli.output import report
from cli.tariff_codes import calendar_codes, deck_codes, plan_codes, put_ids, put_plan_ids
from kernel.errors import DomainError, ErrorKind
from kernel.ids import new_uuid
from tollbook.rating.v1 import rating_service_pb2, rating_service_pb2_grpc
from tollbook.rating.v1.plan_pb2 import Plan

TERMS = "latestRevision"
# With what the service begins its complaint about a field.
_REQUEST_FIELD = re.compile(r"^(?:plan|revision)\.[\w.\[\]]+")
# What a plan keeps for ever as far as terms go.
_KEPT_FIELDS = {
    "plan_id": "planId",
    "display_name": "displayName",
    "currency_code": "currencyCode",
}


def publish_plan(
    context: typer.Context,
    file: FileArgument,
    tenant: TenantOption,
    validate_only: ValidateOnlyOption = False,
) -> None:
    """Give a plan new terms from FILE, a Plan as JSON.

    Decks, calendars and other plans are named by their codes. A plan whose code is new is created
    with them.
    """
    plan = read_message(file, Plan())
    if not plan.code or not plan.HasField("latest_revision"):
        missing = TERMS if plan.code else "code"
        raise typer.BadParameter(f"{file} is no plan to publish: it has no {missing}")
    with acting_for(tenant), _telling_paths():
        is_new, published = asyncio.run(_publish(context.obj, plan, validate_only))
    if is_new:
        name = f"{published.code}, {published.display_name!r}, in {published.currency_code}"
        report("Would create" if validate_only else "Created", name)
    terms = published.latest_revision
    since = terms.effective_time.ToJsonString()
    in_force = f"revision {terms.revision} of {published.code}, in force from {since}"
    report("Would publish" if validate_only else "Published", in_force)


@contextmanager
def _telling_paths() -> Iterator[None]:
    """Tell what is refused by its path in the file, not by that in the request."""
    try:
        yield
    except DomainError as error:
        message = _REQUEST_FIELD.sub(_json_path, error.message)
        raise DomainError(error.kind, error.reason, message, error.metadata) from None


def _json_path(field: re.Match[str]) -> str:
    """E.g. latestRevision.timeBands[0] for revision.time_bands[0]."""
    path = re.sub(r"_(\w)", lambda letter: letter[1].upper(), field[0])
    return re.sub(r"^revision\b", TERMS, path.removeprefix("plan."))


async def _publish(connection: Connection, plan: Plan, validate_only: bool) -> tuple[bool, Plan]:
    """Whether the plan is new, and the plan as it is published."""
    async with connection.channel("rating") as channel:
        decks, calendars = await deck_codes(channel), await calendar_codes(channel)
        put_ids(plan.latest_revision, TERMS, decks, calendars)
        put_plan_ids(plan.latest_revision, TERMS, await plan_codes(channel))
        plans = rating_service_pb2_grpc.PlanServiceStub(channel)
        known = await _known_plan(plans, plan.code)
        if known is None:
            creation = rating_service_pb2.CreatePlanRequest(
                plan=plan, request_id=new_uuid(), validate_only=validate_only
            )
            return True, (await plans.CreatePlan(creation)).plan
        _check_kept(plan, known)
        publication = rating_service_pb2.PublishPlanRevisionRequest(
            plan_id=known.plan_id,
            revision=plan.latest_revision,
            request_id=new_uuid(),
            validate_only=validate_only,
        )
        return False, (await plans.PublishPlanRevision(publication)).plan


async def _known_plan(plans: rating_service_pb2_grpc.PlanServiceStub, code: str) -> Plan | None:
    listed = pages(plans.ListPlans, rating_service_pb2.ListPlansRequest())
    known: dict[str, Plan] = {plan.code: plan async for page in listed for plan in page.plans}
    return known.get(code)


def _check_kept(plan: Plan, known: Plan) -> None:
    """Refuse a file that says something else of a plan than what it keeps."""
    for field, path in _KEPT_FIELDS.items():
        stated, kept = getattr(plan, field), getattr(known, field)
        if stated not in {"", kept}:
            raise DomainError(
                ErrorKind.FAILED_PRECONDITION,
                "PLAN_CODE_TAKEN",
                f"{path}: plan {plan.code!r} has {kept!r}, not {stated!r}; new terms do not change "
                "that: leave it out, or publish a plan of another code",
            )

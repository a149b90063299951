"""Giving a plan new terms from a time on."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.ids import new_uuid
from kernel.money import Money
from kernel.partition import partition_of
from services.rating.domain.errors import (
    currency_mismatch,
    invalid_field,
    not_after_previous,
    not_found,
)
from services.rating.domain.plan import MONTHLY_FEE_MICROS_MAX, RATE_DECKS_MAX, Plan, PlanRevision
from services.rating.domain.rounding_rules import PRICE_DECIMALS_MAX, DurationRounding, PriceRule
from services.rating.store.decks import decks_of
from services.rating.store.plans import (
    count_tariff,
    insert_revision,
    latest_revisions,
    lock_tariff,
    plan_of,
)
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from tollbook.rating.v1.rating_events_pb2 import PlanPublished


@dataclass(frozen=True, slots=True)
class NewTerms:
    """The terms that a plan is to get."""

    effective_time: datetime | None
    rate_deck_ids: Sequence[str]
    duration_rounding: DurationRounding
    price_rule: PriceRule
    monthly_fee: Money | None


def publish_plan_revision(
    uow: UnitOfWork, tenant_id: str, plan_id: str, terms: NewTerms
) -> tuple[Plan, PlanRevision]:
    """Publish terms; calls that start earlier keep their price, unrated ones are tried again.

    Raises:
        DomainError: PLAN_NOT_FOUND, RATE_DECK_NOT_FOUND, CURRENCY_MISMATCH,
            EFFECTIVE_TIME_NOT_AFTER_PREVIOUS, INVALID_TERMS.
    """
    connection = uow.connection
    lock_tariff(connection, tenant_id)
    plan = plan_of(connection, tenant_id, plan_id)
    if plan is None:
        raise not_found("PLAN", plan_id)
    _check_terms(uow, tenant_id, plan, terms)
    revision = _next_revision(uow, tenant_id, plan_id, terms)
    insert_revision(connection, tenant_id, revision, uow.now)
    count_tariff(connection, tenant_id)
    ask_retry(connection, tenant_id, ALL_ACCOUNTS)
    uow.publish(_event(plan, revision), tenant_id, partition_of(tenant_id, plan_id))
    return plan, revision


def _check_terms(uow: UnitOfWork, tenant_id: str, plan: Plan, terms: NewTerms) -> None:
    ids = terms.rate_deck_ids
    if not 1 <= len(ids) <= RATE_DECKS_MAX or len(set(ids)) < len(ids):
        problem = f"name 1 to {RATE_DECKS_MAX} decks, each once"
        raise invalid_field("INVALID_TERMS", "revision.rate_deck_ids", problem)
    if terms.price_rule.decimals > PRICE_DECIMALS_MAX:
        problem = f"a price keeps 0 to {PRICE_DECIMALS_MAX} decimals"
        raise invalid_field("INVALID_TERMS", "revision.price_decimals", problem)
    decks = decks_of(uow.connection, tenant_id, ids)
    for deck_id in ids:
        if deck_id not in decks:
            raise not_found("RATE_DECK", deck_id)
        if decks[deck_id].currency != plan.currency:
            name = f"deck {decks[deck_id].code!r}"
            raise currency_mismatch(name, plan.currency, decks[deck_id].currency)
    fee = terms.monthly_fee
    if fee is not None and fee.currency != plan.currency:
        raise currency_mismatch("the monthly fee", plan.currency, fee.currency)
    if fee is not None and not 0 <= fee.micros <= MONTHLY_FEE_MICROS_MAX:
        problem = f"a fee is not negative, nor beyond {MONTHLY_FEE_MICROS_MAX} micros"
        raise invalid_field("INVALID_TERMS", "revision.monthly_fee", problem)


def _next_revision(uow: UnitOfWork, tenant_id: str, plan_id: str, terms: NewTerms) -> PlanRevision:
    previous = latest_revisions(uow.connection, tenant_id, [plan_id]).get(plan_id)
    moment = terms.effective_time or uow.now
    if previous is not None and to_micros(moment) <= to_micros(previous.effective_time):
        raise not_after_previous(
            "the revision", moment.isoformat(), previous.effective_time.isoformat()
        )
    return PlanRevision(
        plan_revision_id=new_uuid(),
        plan_id=plan_id,
        revision=previous.revision + 1 if previous else 1,
        effective_time=moment,
        rate_deck_ids=tuple(terms.rate_deck_ids),
        duration_rounding=terms.duration_rounding,
        price_rule=terms.price_rule,
        monthly_fee_micros=terms.monthly_fee.micros if terms.monthly_fee else 0,
    )


def _event(plan: Plan, revision: PlanRevision) -> PlanPublished:
    event = PlanPublished(
        plan_id=plan.plan_id,
        code=plan.code,
        currency_code=plan.currency,
        plan_revision_id=revision.plan_revision_id,
    )
    event.effective_time.FromDatetime(revision.effective_time)
    return event

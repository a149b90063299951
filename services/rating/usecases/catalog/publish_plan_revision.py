"""Giving a plan new terms from a time on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.ids import is_uuid, new_uuid
from kernel.partition import partition_of
from services.rating.domain.errors import (
    currency_mismatch,
    no_exchange_rate,
    not_after_previous,
    not_found,
)
from services.rating.domain.plans.condition_check import invalid_terms
from services.rating.domain.plans.plan import TERMS_BYTES_MAX, Plan, PlanRevision
from services.rating.domain.plans.plan_check import check_terms
from services.rating.store.calendars import known_calendars
from services.rating.store.exchange_rates import has_rate_at
from services.rating.store.plan_terms import terms_to_json
from services.rating.store.plans import all_plans, insert_revision, latest_revisions, plan_of
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from services.rating.store.tariff_numbers import count_tariff, lock_tariff
from services.rating.usecases.catalog.known_decks import known_decks
from tollbook.rating.v1.rating_events_pb2 import PlanPublished


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """Terms that a plan is to get."""

    terms: PlanRevision
    """Still without ids and number."""
    currencies: Mapping[str, str]
    """The currency in which each amount was given, by its field."""


def publish_plan_revision(
    uow: UnitOfWork, tenant_id: str, plan_id: str, draft: PlanDraft
) -> tuple[Plan, PlanRevision]:
    """Publish terms; calls that start earlier keep their price, unrated ones are tried again.

    Raises:
        DomainError: PLAN_NOT_FOUND, RATE_DECK_NOT_FOUND, CALENDAR_NOT_FOUND, NO_EXCHANGE_RATE,
            CURRENCY_MISMATCH, EFFECTIVE_TIME_NOT_AFTER_PREVIOUS, and those of check_terms.
    """
    connection = uow.connection
    lock_tariff(connection, tenant_id)
    plan = plan_of(connection, tenant_id, plan_id)
    if plan is None:
        raise not_found("PLAN", plan_id)
    _check_draft(uow, tenant_id, plan, draft)
    revision = _next_revision(uow, tenant_id, plan_id, draft.terms)
    insert_revision(connection, tenant_id, revision, uow.now)
    count_tariff(connection, tenant_id)
    ask_retry(connection, tenant_id, ALL_ACCOUNTS)
    uow.publish(_event(plan, revision), tenant_id, partition_of(tenant_id, plan_id))
    return plan, revision


def _check_draft(uow: UnitOfWork, tenant_id: str, plan: Plan, draft: PlanDraft) -> None:
    """Refuse terms that are wrong by themselves, or do not fit what else there is."""
    terms = draft.terms
    check_terms(terms)
    size = len(terms_to_json(terms).encode())
    if size > TERMS_BYTES_MAX:
        advice = f"all terms take at most {TERMS_BYTES_MAX}; name fewer prefixes or decks"
        raise invalid_terms("revision", f"{size} bytes", advice)
    for field, currency in draft.currencies.items():
        if currency != plan.currency:
            raise currency_mismatch(field, plan.currency, currency)
    _check_decks(uow, tenant_id, plan, terms)
    _check_calendars(uow, tenant_id, terms)
    _check_resold_plans(uow, tenant_id, terms)


def _check_decks(uow: UnitOfWork, tenant_id: str, plan: Plan, terms: PlanRevision) -> None:
    chosen = (choice.rate_deck_ids for choice in terms.deck_choices)
    decks = known_decks(uow, tenant_id, set(terms.rate_deck_ids).union(*chosen))
    by_currency = {deck.currency: deck for deck in decks.values()}
    moment = terms.effective_time
    for currency, deck in by_currency.items():
        if not has_rate_at(uow.connection, tenant_id, currency, plan.currency, moment):
            what = f"deck {deck.code!r}"
            raise no_exchange_rate(what, currency, plan.currency, moment.isoformat())


def _check_calendars(uow: UnitOfWork, tenant_id: str, terms: PlanRevision) -> None:
    named = {each.calendar_id for each in terms.time_bands}
    named |= {each.not_on_holidays_of for each in terms.time_bands}
    named.discard("")
    unknown = named - known_calendars(uow.connection, tenant_id, set(filter(is_uuid, named)))
    if unknown:
        raise not_found("CALENDAR", min(unknown))


def _check_resold_plans(uow: UnitOfWork, tenant_id: str, terms: PlanRevision) -> None:
    named = {each.plan_id for each in terms.resold_plans}
    if named:
        named -= {each.plan_id for each in all_plans(uow.connection, tenant_id)}
    if named:
        raise not_found("PLAN", min(named))


def _next_revision(
    uow: UnitOfWork, tenant_id: str, plan_id: str, terms: PlanRevision
) -> PlanRevision:
    previous = latest_revisions(uow.connection, tenant_id, [plan_id]).get(plan_id)
    moment = terms.effective_time
    if previous is not None and to_micros(moment) <= to_micros(previous.effective_time):
        raise not_after_previous(
            "the revision", moment.isoformat(), previous.effective_time.isoformat()
        )
    number = previous.revision + 1 if previous else 1
    return replace(terms, plan_revision_id=new_uuid(), plan_id=plan_id, revision=number)


def _event(plan: Plan, revision: PlanRevision) -> PlanPublished:
    event = PlanPublished(
        plan_id=plan.plan_id,
        code=plan.code,
        currency_code=plan.currency,
        plan_revision_id=revision.plan_revision_id,
    )
    event.effective_time.FromDatetime(revision.effective_time)
    return event

"""Plans and their revisions to the messages of the contract and back."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import TypeVar

from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.convert import money_to_proto, time_from_proto, time_to_proto
from kernel.money import Money
from kernel.rounding import RoundingMode
from services.rating.api.convert_fields import (
    in_field,
    micros_from_proto,
    millionths_from_proto,
    millionths_to_proto,
)
from services.rating.api.convert_terms import (
    adjustment_from_proto,
    adjustment_to_proto,
    band_from_proto,
    band_to_proto,
    bundle_from_proto,
    bundle_to_proto,
    cap_from_proto,
    cap_to_proto,
    condition_from_proto,
    condition_to_proto,
    duration_tier_from_proto,
    duration_tier_to_proto,
    fee_from_proto,
    fee_to_proto,
    resold_plan_from_proto,
    resold_plan_to_proto,
    volume_tiers_from_proto,
    volume_tiers_to_proto,
)
from services.rating.domain.plans.plan import Crossing, DeckChoice, Plan, PlanRevision
from services.rating.domain.plans.rounding_rules import DurationRounding, PriceRule
from services.rating.usecases.catalog.publish_plan_revision import PlanDraft
from tollbook.rating.v1 import plan_pb2

DEFAULT_TIME_ZONE = "UTC"

M = TypeVar("M")
T = TypeVar("T")

ROUNDING_MODES = {
    plan_pb2.PRICE_ROUNDING_UNSPECIFIED: RoundingMode.HALF_UP,
    plan_pb2.PRICE_ROUNDING_UP: RoundingMode.UP,
    plan_pb2.PRICE_ROUNDING_DOWN: RoundingMode.DOWN,
    plan_pb2.PRICE_ROUNDING_HALF_UP: RoundingMode.HALF_UP,
    plan_pb2.PRICE_ROUNDING_HALF_EVEN: RoundingMode.HALF_EVEN,
}


def plan_to_proto(plan: Plan, revision: PlanRevision | None) -> plan_pb2.Plan:
    """A plan with its newest terms."""
    return plan_pb2.Plan(
        plan_id=plan.plan_id,
        code=plan.code,
        display_name=plan.display_name,
        currency_code=plan.currency,
        latest_revision=revision_to_proto(revision, plan.currency) if revision else None,
        create_time=time_to_proto(plan.create_time),
    )


def revision_to_proto(revision: PlanRevision, currency: str) -> plan_pb2.PlanRevision:
    """The terms of a plan in a currency."""
    floor = revision.margin_floor_millionths
    return plan_pb2.PlanRevision(
        plan_revision_id=revision.plan_revision_id,
        revision=revision.revision,
        effective_time=time_to_proto(revision.effective_time),
        rate_deck_ids=revision.rate_deck_ids,
        duration_rounding=plan_pb2.DurationRounding.ValueType(revision.duration_rounding),
        price_rounding=plan_pb2.PriceRounding.Value(
            f"PRICE_ROUNDING_{revision.price_rule.mode.value}"
        ),
        price_decimals=revision.price_rule.decimals,
        monthly_fee=_amount_to_proto(revision.monthly_fee_micros, currency),
        time_zone=revision.time_zone,
        time_bands=[band_to_proto(each) for each in revision.time_bands],
        crossing=plan_pb2.Crossing.ValueType(revision.crossing),
        deck_choices=[_choice_to_proto(each) for each in revision.deck_choices],
        adjustments=[adjustment_to_proto(each) for each in revision.adjustments],
        duration_tiers=[duration_tier_to_proto(each) for each in revision.duration_tiers],
        volume_tiers=[volume_tiers_to_proto(each) for each in revision.volume_tiers],
        bundles=[bundle_to_proto(each) for each in revision.bundles],
        price_caps=[cap_to_proto(each, currency) for each in revision.price_caps],
        minimum_charge=_amount_to_proto(revision.minimum_charge_micros, currency),
        fees=[fee_to_proto(each, currency) for each in revision.fees],
        margin_floor=None if floor is None else millionths_to_proto(floor),
        resold_plans=[resold_plan_to_proto(each, currency) for each in revision.resold_plans],
    )


def draft_from_proto(message: plan_pb2.PlanRevision, now: datetime) -> PlanDraft:
    """Terms that are to be published; those without a time, now.

    Raises:
        DomainError: INVALID_TERMS, INVALID_DECIMAL, INVALID_AMOUNT, UNKNOWN_CURRENCY,
            INVALID_TIME_BAND, INVALID_DATE, INVALID_TIME.
    """
    currencies = {field: amount.currency_code for field, amount in _amounts(message)}
    return PlanDraft(_terms_from_proto(message, now), currencies)


def _terms_from_proto(message: plan_pb2.PlanRevision, now: datetime) -> PlanRevision:
    with in_field("revision.effective_time"):
        effective_time = time_from_proto(message.effective_time) or now
    return PlanRevision(
        plan_revision_id="",
        plan_id="",
        revision=0,
        effective_time=effective_time,
        rate_deck_ids=tuple(message.rate_deck_ids),
        duration_rounding=DurationRounding(message.duration_rounding or DurationRounding.UP),
        price_rule=PriceRule(ROUNDING_MODES[message.price_rounding], message.price_decimals),
        monthly_fee_micros=(
            micros_from_proto("revision.monthly_fee", message.monthly_fee)
            if message.HasField("monthly_fee")
            else 0
        ),
        time_zone=message.time_zone or DEFAULT_TIME_ZONE,
        time_bands=_each("time_bands", message.time_bands, band_from_proto),
        crossing=Crossing(message.crossing or Crossing.SPLIT),
        deck_choices=_each("deck_choices", message.deck_choices, _choice_from_proto),
        adjustments=_each("adjustments", message.adjustments, adjustment_from_proto),
        duration_tiers=_each("duration_tiers", message.duration_tiers, duration_tier_from_proto),
        volume_tiers=_each("volume_tiers", message.volume_tiers, volume_tiers_from_proto),
        bundles=_each("bundles", message.bundles, bundle_from_proto),
        price_caps=_each("price_caps", message.price_caps, cap_from_proto),
        minimum_charge_micros=(
            micros_from_proto("revision.minimum_charge", message.minimum_charge)
            if message.HasField("minimum_charge")
            else 0
        ),
        fees=_each("fees", message.fees, fee_from_proto),
        margin_floor_millionths=(
            millionths_from_proto("revision.margin_floor", message.margin_floor)
            if message.HasField("margin_floor")
            else None
        ),
        resold_plans=_each("resold_plans", message.resold_plans, resold_plan_from_proto),
    )


def _each(name: str, messages: Iterable[M], from_proto: Callable[[str, M], T]) -> tuple[T, ...]:
    """The terms of one kind, each told its field."""
    return tuple(
        from_proto(f"revision.{name}[{place}]", message) for place, message in enumerate(messages)
    )


def _amounts(message: plan_pb2.PlanRevision) -> Iterator[tuple[str, MoneyMessage]]:
    """Every amount that is set, by its field."""
    if message.HasField("monthly_fee"):
        yield "revision.monthly_fee", message.monthly_fee
    if message.HasField("minimum_charge"):
        yield "revision.minimum_charge", message.minimum_charge
    for place, cap in enumerate(message.price_caps):
        yield f"revision.price_caps[{place}].amount", cap.amount
    for place, fee in enumerate(message.fees):
        yield f"revision.fees[{place}].amount", fee.amount
    for place, resold in enumerate(message.resold_plans):
        yield f"revision.resold_plans[{place}].monthly_fee", resold.monthly_fee


def _amount_to_proto(micros: int, currency: str) -> MoneyMessage | None:
    return money_to_proto(Money(currency, micros)) if micros else None


def _choice_from_proto(field: str, message: plan_pb2.DeckChoice) -> DeckChoice:
    when = condition_from_proto(f"{field}.when", message.when)
    return DeckChoice(when, tuple(message.rate_deck_ids))


def _choice_to_proto(choice: DeckChoice) -> plan_pb2.DeckChoice:
    when = condition_to_proto(choice.when)
    return plan_pb2.DeckChoice(when=when, rate_deck_ids=choice.rate_deck_ids)

"""Values of rating to the messages of its contract and back."""

from typing import Any

from chassis.grpc.convert import (
    money_to_proto,
    nanos_to_decimal,
    time_to_proto,
)
from kernel.money import Money
from kernel.rounding import RoundingMode
from services.rating.domain.deck_mapping import DeckMapping, DestinationsMapping
from services.rating.domain.plan import Plan, PlanRevision
from services.rating.domain.rate_deck import Rate
from services.rating.domain.usage import Service
from services.rating.store.decks import StoredDeck, StoredVersion
from tollbook.rating.v1 import plan_pb2, rate_deck_pb2, service_pb2

NANOS_PER_MICRO = 1_000

ROUNDING_MODES = {
    plan_pb2.PRICE_ROUNDING_UNSPECIFIED: RoundingMode.HALF_UP,
    plan_pb2.PRICE_ROUNDING_UP: RoundingMode.UP,
    plan_pb2.PRICE_ROUNDING_DOWN: RoundingMode.DOWN,
    plan_pb2.PRICE_ROUNDING_HALF_UP: RoundingMode.HALF_UP,
    plan_pb2.PRICE_ROUNDING_HALF_EVEN: RoundingMode.HALF_EVEN,
}


def deck_to_proto(deck: StoredDeck) -> rate_deck_pb2.RateDeck:
    """A deck."""
    return rate_deck_pb2.RateDeck(
        rate_deck_id=deck.rate_deck_id,
        code=deck.code,
        currency_code=deck.currency,
        latest_version=deck.latest_version,
        create_time=time_to_proto(deck.create_time),
        service=service_pb2.Service.ValueType(deck.service),
        display_name=deck.display_name,
    )


def version_to_proto(version: StoredVersion) -> rate_deck_pb2.RateDeckVersion:
    """A version of a deck."""
    states = rate_deck_pb2.RateDeckVersion
    return rate_deck_pb2.RateDeckVersion(
        rate_deck_version_id=version.rate_deck_version_id,
        rate_deck_id=version.rate_deck_id,
        version=version.version,
        state=states.STATE_PUBLISHED if version.effective_time else states.STATE_DRAFT,
        effective_time=time_to_proto(version.effective_time),
        rate_count=version.rate_count,
        digest=version.digest,
        create_time=time_to_proto(version.create_time),
    )


def rate_to_proto(rate: Rate) -> rate_deck_pb2.Rate:
    """A row of a deck."""
    return rate_deck_pb2.Rate(
        prefix=rate.prefix,
        destination=rate.destination,
        price=nanos_to_decimal(rate.price_nanos),
        connect_fee=nanos_to_decimal(rate.connect_fee_micros * NANOS_PER_MICRO),
        first_increment=rate.first_increment,
        next_increment=rate.next_increment,
        minimum=rate.minimum,
        grace_seconds=rate.grace_seconds,
        row_number=rate.row_number,
    )


def mapping_from_proto(message: rate_deck_pb2.RateDeckMapping, service: Service) -> DeckMapping:
    """How a file of a service is read; what is not set has its default."""
    given: dict[str, Any] = {
        field.name: value for field, value in message.ListFields() if field.name != "destinations"
    }
    mapping = {"prefix_column": "", "price_column": "", "service": service, **given}
    if not message.HasField("destinations"):
        return DeckMapping(**mapping)
    joined = message.destinations
    destinations = DestinationsMapping(
        prefix_column=joined.prefix_column,
        name_column=joined.name_column,
        increment_column=joined.increment_column,
        minimum_column=joined.minimum_column,
    )
    return DeckMapping(**mapping, destinations=destinations)


def plan_to_proto(plan: Plan, revision: PlanRevision | None) -> plan_pb2.Plan:
    """A plan with its newest terms."""
    return plan_pb2.Plan(
        plan_id=plan.plan_id,
        code=plan.code,
        display_name=plan.display_name,
        currency_code=plan.currency,
        latest_revision=_revision_to_proto(plan, revision) if revision else None,
        create_time=time_to_proto(plan.create_time),
    )


def _revision_to_proto(plan: Plan, revision: PlanRevision) -> plan_pb2.PlanRevision:
    mode = revision.price_rule.mode.value
    fee = revision.monthly_fee_micros
    return plan_pb2.PlanRevision(
        plan_revision_id=revision.plan_revision_id,
        revision=revision.revision,
        effective_time=time_to_proto(revision.effective_time),
        rate_deck_ids=revision.rate_deck_ids,
        duration_rounding=plan_pb2.DurationRounding.ValueType(revision.duration_rounding),
        price_rounding=plan_pb2.PriceRounding.Value(f"PRICE_ROUNDING_{mode}"),
        price_decimals=revision.price_rule.decimals,
        monthly_fee=money_to_proto(Money(plan.currency, fee)) if fee else None,
    )

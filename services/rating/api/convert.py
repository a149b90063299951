"""Values of rating to the messages of its contract and back."""

from typing import Any

from chassis.grpc.convert import (
    duration_ms_to_proto,
    money_to_proto,
    nanos_to_decimal,
    range_to_proto,
    time_to_proto,
)
from kernel.clock import from_micros
from kernel.money import Money
from kernel.period import Period
from kernel.rounding import RoundingMode
from services.rating.domain.charge import ChargeKind, ChargeRevision
from services.rating.domain.deck_import import DeckMapping, DestinationsMapping
from services.rating.domain.plan import Plan, PlanRevision
from services.rating.domain.pricing import MS_PER_SECOND
from services.rating.domain.rate_deck import Rate
from services.rating.domain.receipt import exact_amount, explain, price_rule_of, read_receipt
from services.rating.store.decks import StoredDeck, StoredVersion
from tollbook.rating.v1 import charge_pb2, plan_pb2, rate_deck_pb2
from tollbook.type.v1.call_pb2 import CallKey, CallKeyKind, Party, RatingOutcome

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


def mapping_from_proto(message: rate_deck_pb2.RateDeckMapping) -> DeckMapping:
    """How a file is read; what is not set has its default."""
    given: dict[str, Any] = {
        field.name: value for field, value in message.ListFields() if field.name != "destinations"
    }
    mapping = {"prefix_column": "", "price_column": "", **given}
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


def charge_to_proto(charge: ChargeRevision) -> charge_pb2.Charge:
    """A charge with its receipt; without amount and period while it has no price."""
    message = charge_pb2.Charge(
        charge_id=charge.charge_id.hex(),
        revision=charge.revision,
        call_key=CallKey(kind=CallKeyKind.ValueType(charge.call_key_kind), value=charge.call_key),
        leg=charge.leg,
        party=Party.ValueType(charge.party),
        account_id=charge.account_id,
        payer_account_id=charge.payer_account_id,
        outcome=RatingOutcome.ValueType(charge.outcome),
        unrated_reason=charge.unrated_reason,
        correction=bool(charge.correction),
        settle_time=time_to_proto(from_micros(charge.settle_time)),
    )
    if charge.period_start is not None and charge.period_end is not None:
        period = Period(from_micros(charge.period_start), from_micros(charge.period_end))
        message.billing_period.CopyFrom(range_to_proto(period))
        message.amount.CopyFrom(money_to_proto(Money(charge.currency, charge.amount_micros)))
        delta = Money(charge.currency, charge.amount_delta_micros)
        message.amount_delta.CopyFrom(money_to_proto(delta))
        message.receipt.CopyFrom(receipt_to_proto(charge.receipt))
    return message


def receipt_to_proto(content: bytes) -> charge_pb2.Receipt:
    """A receipt, as data and in words."""
    receipt = read_receipt(content)
    numerator, denominator = exact_amount(receipt)
    message = charge_pb2.Receipt(
        kind=charge_pb2.ChargeKind.ValueType(ChargeKind[receipt["kind"]]),
        plan_revision_id=receipt.get("plan_revision_id", ""),
        actual_duration=duration_ms_to_proto(receipt.get("duration_ms", 0)),
        exact_amount=f"{numerator}/{denominator}",
        amount=money_to_proto(Money(receipt["currency"], receipt["amount_micros"])),
        explanation=explain(receipt),
    )
    if "price_rounding" in receipt:
        message.price_rounding = str(price_rule_of(receipt))
    if "prefix" in receipt:
        _add_rate(message, receipt)
    return message


def _add_rate(message: charge_pb2.Receipt, receipt: dict[str, Any]) -> None:
    for name in ("rate_deck_version_id", "row_number", "prefix", "destination"):
        setattr(message, name, receipt[name])
    for name in ("first_increment", "next_increment", "minimum"):
        setattr(message, f"{name}_seconds", receipt[name])
    charged_ms = receipt["charged_seconds"] * MS_PER_SECOND
    message.charged_duration.CopyFrom(duration_ms_to_proto(charged_ms))
    message.price_per_minute.CopyFrom(nanos_to_decimal(receipt["price_nanos"]))
    fee_nanos = receipt["connect_fee_micros"] * NANOS_PER_MICRO
    message.connect_fee.CopyFrom(nanos_to_decimal(fee_nanos))

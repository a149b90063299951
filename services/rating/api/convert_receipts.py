"""Receipts to the messages of the contract: as data, in words, and as they are stored."""

from __future__ import annotations

from collections.abc import Iterable

from google.type import money_pb2
from google.type.decimal_pb2 import Decimal

from chassis.grpc.convert import (
    duration_ms_to_proto,
    money_to_proto,
    nanos_to_decimal,
    range_to_proto,
    time_to_proto,
)
from kernel.clock import MS_PER_SECOND, from_micros
from kernel.money import MICROS_PER_UNIT, NANOS_PER_MICRO, Money
from kernel.period import Period
from services.rating.domain.plans.plan import FACTOR_ONE
from services.rating.domain.receipts.explanation import explain
from services.rating.domain.receipts.receipt import (
    Receipt,
    exact_amount,
    exact_text,
    price_rule_of,
    read_receipt,
)
from tollbook.rating.v1 import charge_pb2
from tollbook.type.v1.time_range_pb2 import TimeRange

NANOS_PER_MILLIONTH = 1_000

_KINDS = {"VOICE": "CALL"}
_PLAIN_FIELDS = (
    "plan_revision_id", "row_number", "prefix", "destination", "quantity", "grace_seconds", "free",
    "digest", "cap_includes_connect_fee",
)  # fmt: skip


def receipt_to_proto(content: bytes) -> charge_pb2.Receipt:
    """A receipt, as data and in words."""
    receipt = read_receipt(content)
    currency = receipt["currency"]
    plan_currency = receipt.get("plan_currency", currency)
    kind = _KINDS.get(receipt["kind"], receipt["kind"])
    message = charge_pb2.Receipt(
        kind=charge_pb2.ChargeKind.Value(f"CHARGE_KIND_{kind}"),
        rate_deck_version_id=receipt.get("deck_version_id", ""),
        actual_duration=duration_ms_to_proto(receipt.get("duration_ms", 0)),
        charged_quantity=receipt.get("charged", 0),
        exact_amount=_exact_text(receipt),
        amount=_money(receipt["amount_micros"], currency),
        explanation=explain(receipt),
        content=content,
        plan_currency_code=plan_currency,
        exchanges=map(_exchange, receipt.get("exchanges", ())),
        segments=[_segment(each, receipt) for each in receipt.get("segments", ())],
        bundles=map(_bundle, receipt.get("bundles", ())),
        money_bundles=map(_bundle, receipt.get("money_bundles", ())),
        connect_fee_steps=map(_step, receipt.get("connect_fee_steps", ())),
        volume=_volume(receipt["volume"]) if "volume" in receipt else None,
        **{name: receipt[name] for name in _PLAIN_FIELDS if name in receipt},
    )
    _add_limits(message, receipt, plan_currency)
    if "price_rounding" in receipt:
        message.price_rounding = str(price_rule_of(receipt))
    if "prefix" in receipt:
        _add_rate(message, receipt, plan_currency)
    return message


def _add_rate(message: charge_pb2.Receipt, receipt: Receipt, plan_currency: str) -> None:
    message.deck_currency_code = receipt.get("deck_currency", plan_currency)
    message.price_per_minute.CopyFrom(nanos_to_decimal(receipt["price_nanos"]))
    fee_nanos = receipt.get("connect_fee_micros", 0) * NANOS_PER_MICRO
    message.connect_fee.CopyFrom(nanos_to_decimal(fee_nanos))
    if receipt["kind"] == "VOICE":
        charged_ms = receipt.get("charged", 0) * MS_PER_SECOND
        message.charged_duration.CopyFrom(duration_ms_to_proto(charged_ms))
        message.first_increment_seconds = receipt.get("first_increment", 1)
        message.next_increment_seconds = receipt.get("next_increment", 1)
        message.minimum_seconds = receipt.get("minimum", 0)


def _add_limits(message: charge_pb2.Receipt, receipt: Receipt, plan_currency: str) -> None:
    for target, key, currency in (
        (message.cap, "cap_micros", plan_currency),
        (message.minimum_charge, "minimum_charge_micros", plan_currency),
        (message.rounded_amount, "rounded_micros", receipt["currency"]),
    ):
        if key in receipt:
            target.CopyFrom(_money(receipt[key], currency))


def _exact_text(receipt: Receipt) -> str:
    """Units, as numerator/denominator in lowest terms."""
    numerator, denominator = exact_amount(receipt)
    return exact_text((numerator, denominator * MICROS_PER_UNIT))


def _money(micros: int, currency: str) -> money_pb2.Money:
    return money_to_proto(Money(currency, micros))


def _exchange(shown: Receipt) -> charge_pb2.ReceiptExchange:
    return charge_pb2.ReceiptExchange(
        from_currency_code=shown["from"],
        to_currency_code=shown["to"],
        rate=Decimal(value=shown["rate"]),
        inverse=shown.get("inverse", False),
        source=shown.get("source", ""),
        effective_time=time_to_proto(from_micros(shown["effective_micros"])),
    )


def _segment(shown: Receipt, receipt: Receipt) -> charge_pb2.ReceiptSegment:
    rate = shown.get("rate", receipt)
    currency = receipt.get("deck_currency", receipt.get("plan_currency", receipt["currency"]))
    return charge_pb2.ReceiptSegment(
        units=shown["units"],
        time_band=shown.get("band", ""),
        plan_revision_id=shown.get("plan_revision_id", receipt["plan_revision_id"]),
        rate_deck_version_id=rate["deck_version_id"],
        row_number=rate["row_number"],
        prefix=rate["prefix"],
        destination=rate.get("destination", ""),
        price=nanos_to_decimal(rate["price_nanos"]),
        currency_code=rate["currency"] if "rate" in shown else currency,
        steps=map(_step, shown.get("steps", ())),
    )


def _step(shown: Receipt) -> charge_pb2.ReceiptStep:
    surcharge = shown.get("surcharge_nanos", 0)
    return charge_pb2.ReceiptStep(
        code=shown.get("code", ""),
        tier_from=shown.get("tier_from", 0),
        surcharge=nanos_to_decimal(surcharge) if surcharge else None,
        **_price(shown),
    )


def _price(shown: Receipt) -> dict[str, Decimal]:
    """A price in place of all before it, or a factor."""
    if "price_nanos" in shown:
        return {"price": nanos_to_decimal(shown["price_nanos"])}
    factor = shown.get("factor_millionths", FACTOR_ONE)
    return {"factor": nanos_to_decimal(factor * NANOS_PER_MILLIONTH)}


def _bundle(shown: Receipt) -> charge_pb2.ReceiptBundle:
    return charge_pb2.ReceiptBundle(
        code=shown["code"],
        source_id=shown["source_id"],
        owner_account_id=shown["owner_account_id"],
        period=_period(shown),
        granted=shown["granted"],
        before=shown.get("before", 0),
        after=shown["after"],
        covers_connect_fee=shown.get("covers_connect_fee", False),
    )


def _volume(shown: Receipt) -> charge_pb2.ReceiptVolume:
    return charge_pb2.ReceiptVolume(
        code=shown["code"],
        owner_account_id=shown["owner_account_id"],
        period=_period(shown),
        measure=shown["measure"],
        mode=shown["mode"],
        before=shown.get("before", 0),
        after=shown.get("after", shown.get("count", 0)),
        tiers=_tiers(shown["tiers"]),
    )


def _tiers(tiers: Iterable[Receipt]) -> list[charge_pb2.ReceiptTier]:
    return [charge_pb2.ReceiptTier(from_count=each["from"], **_price(each)) for each in tiers]


def _period(shown: Receipt) -> TimeRange:
    start, end = shown["period_start_micros"], shown["period_end_micros"]
    return range_to_proto(Period(from_micros(start), from_micros(end)))

"""A receipt in words: the reasoning behind an amount, a sentence a step."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kernel.clock import MS_PER_SECOND, from_micros
from kernel.money import MICROS_PER_UNIT, NANOS_PER_UNIT
from services.rating.domain.decimals import decimal_text, ratio_text
from services.rating.domain.plans.plan import FACTOR_ONE
from services.rating.domain.receipts import receipt as kinds
from services.rating.domain.receipts.receipt import Receipt, exact_amount, price_rule_of
from services.rating.domain.receipts.volume_words import tiers_words, volume_words
from services.rating.domain.receipts.words import (
    BASE_UNITS,
    UNITS,
    deck_currency,
    money,
    plan_currency,
)

_FREE = {
    kinds.UNANSWERED: "The call was not answered; it is free.",
    kinds.EMERGENCY: "Calls to emergency numbers are free.",
    kinds.MOVED: "A corrected record shows this call to be another account's; it is free here.",
    kinds.REFUNDED: "All of it was given back.",
    kinds.NO_FEE: "No terms in force have a price for it; there is no fee.",
}


def explain(receipt: Receipt) -> list[str]:
    """The reasoning behind an amount, a sentence a step."""
    free = receipt.get("free")
    if free == kinds.GRACE:
        return [*_rate(receipt), *_recorded(receipt), _grace(receipt)]
    if free:
        return [_FREE[free]]
    return list(_EXPLAIN.get(receipt["kind"], _call)(receipt))


def _call(receipt: Receipt) -> Iterator[str]:
    yield from _rate(receipt)
    yield from _recorded(receipt)
    yield from _increments(receipt)
    yield from _exchanges(receipt)
    yield from _bundles(receipt)
    yield from _segments(receipt)
    yield from volume_words(receipt)
    yield from _connect_fee(receipt)
    yield from _limits(receipt)
    yield from _rounding(receipt)
    yield from _money_bundles(receipt)


def _rate(receipt: Receipt) -> Iterator[str]:
    destination, row = receipt.get("destination", "no name"), receipt["row_number"]
    price = decimal_text(receipt["price_nanos"], NANOS_PER_UNIT)
    yield f"The number begins with {receipt['prefix']}: {destination} (row {row})."
    yield f"A {UNITS[receipt['kind']]} costs {price} {deck_currency(receipt)}."


def _recorded(receipt: Receipt) -> Iterator[str]:
    if receipt["kind"] != "VOICE":
        yield f"Recorded are {receipt['quantity']} {BASE_UNITS[receipt['kind']]}."
        return
    duration = decimal_text(receipt["duration_ms"], MS_PER_SECOND)
    rounding = receipt["duration_rounding"]
    yield f"The call lasted {duration} s; fractions of a second are rounded {rounding}."


def _grace(receipt: Receipt) -> str:
    return f"A call of at most {receipt['grace_seconds']} s costs nothing."


def _increments(receipt: Receipt) -> Iterator[str]:
    unit, charged = BASE_UNITS[receipt["kind"]], receipt["charged"]
    first, following = receipt.get("first_increment", 1), receipt.get("next_increment", 1)
    if "minimum" in receipt:
        yield f"At least {receipt['minimum']} {unit} are charged."
    if first == following == 1:
        yield f"Charged are {charged} {unit}."
    else:
        increments = f"The first {first} {unit}, then every begun {following} {unit}"
        yield f"{increments} make {charged} {unit}."


def _exchanges(receipt: Receipt) -> Iterator[str]:
    # A rate that is used in both directions is told once.
    yield from dict.fromkeys(map(_exchange, receipt.get("exchanges", ())))


def _exchange(shown: Receipt) -> str:
    one, other = shown["from"], shown["to"]
    if shown.get("inverse"):
        one, other = other, one
    since = from_micros(shown["effective_micros"]).isoformat()
    source = f"{shown['source']}, " if "source" in shown else ""
    return f"1 {one} is {shown['rate']} {other} ({source}since {since})."


def _bundles(receipt: Receipt) -> Iterator[str]:
    unit = BASE_UNITS[receipt["kind"]]
    for place, each in enumerate(receipt.get("bundles", ())):
        taken = each["after"] - each.get("before", 0)
        left = each["granted"] - each["after"]
        yield f"The bundle '{each['code']}' pays for {taken} {unit}; {left} are left in it."
        if place == 0 and each.get("covers_connect_fee"):
            yield "It covers the connect fee too."


def _segments(receipt: Receipt) -> Iterator[str]:
    unit = BASE_UNITS[receipt["kind"]]
    for each in receipt.get("segments", ()):
        band = f" in the band '{each['band']}'" if "band" in each else ""
        terms = ", by other terms of the plan" if "plan_revision_id" in each else ""
        yield f"{each['units']} {unit} of it{band}{terms}: {_segment_price(each, receipt)}."


def _segment_price(segment: Receipt, receipt: Receipt) -> str:
    rate = segment.get("rate", receipt)
    currency = rate.get("currency") if "rate" in segment else deck_currency(receipt)
    place = f" (prefix {rate['prefix']}, row {rate['row_number']})" if "rate" in segment else ""
    price = f"{decimal_text(rate['price_nanos'], NANOS_PER_UNIT)} {currency}{place}"
    own_currency = segment.get("plan_currency", plan_currency(receipt))
    return "".join([price, *(_step(each, own_currency) for each in segment.get("steps", ()))])


def _step(step: Receipt, currency: str) -> str:
    name = f"'{step['code']}'" if "code" in step else f"from second {step['tier_from']} on"
    if "price_nanos" in step:
        return f", {name} {decimal_text(step['price_nanos'], NANOS_PER_UNIT)} {currency} instead"
    words = _factor(step)
    surcharge = step.get("surcharge_nanos", 0)
    if surcharge:
        sign = "plus" if surcharge > 0 else "less"
        words += f" {sign} {decimal_text(abs(surcharge), NANOS_PER_UNIT)} {currency}"
    return f", {name}{words}"


def _factor(step: Receipt) -> str:
    factor = step.get("factor_millionths", FACTOR_ONE)
    return "" if factor == FACTOR_ONE else f" times {decimal_text(factor, FACTOR_ONE)}"


def _connect_fee(receipt: Receipt) -> Iterator[str]:
    fee = receipt.get("connect_fee_micros", 0)
    if fee:
        currency = deck_currency(receipt)
        steps = "".join(_step(each, currency) for each in receipt.get("connect_fee_steps", ()))
        yield f"Being connected costs {money(fee, currency)} once{steps}."


def _limits(receipt: Receipt) -> Iterator[str]:
    currency = plan_currency(receipt)
    if "cap_micros" in receipt:
        fee = "with" if receipt.get("cap_includes_connect_fee") else "beside"
        yield f"It costs at most {money(receipt['cap_micros'], currency)} {fee} the connect fee."
    if "minimum_charge_micros" in receipt:
        yield f"It costs at least {money(receipt['minimum_charge_micros'], currency)}."


def _rounding(receipt: Receipt) -> Iterator[str]:
    currency = receipt["currency"]
    numerator, denominator = exact_amount(receipt)
    exact = ratio_text(numerator, denominator * MICROS_PER_UNIT)
    rounded = money(receipt.get("rounded_micros", receipt["amount_micros"]), currency)
    yield f"That is exactly {exact} {currency}."
    yield f"Rounded {price_rule_of(receipt)}, that is {rounded}."


def _money_bundles(receipt: Receipt) -> Iterator[str]:
    currency = receipt["currency"]
    for each in receipt.get("money_bundles", ()):
        taken = money(each["after"] - each.get("before", 0), currency)
        left = money(each["granted"] - each["after"], currency)
        yield f"The bundle '{each['code']}' pays {taken} of it; {left} are left in it."
    if "money_bundles" in receipt:
        yield f"{money(receipt['amount_micros'], currency)} are charged."


def _recurring_fee(receipt: Receipt) -> Iterator[str]:
    fee = money(receipt["monthly_fee_micros"], plan_currency(receipt))
    yield f"The plan costs {fee} a month."
    yield f"The subscription covers {receipt['covered_days']} of {receipt['period_days']} days."
    yield from _exchanges(receipt)
    yield from _rounding(receipt)


def _one_off_fee(receipt: Receipt) -> Iterator[str]:
    fee = money(receipt["fee_micros"], plan_currency(receipt))
    yield f"The fee '{receipt['fee_code']}' is {fee}, once."
    yield from _exchanges(receipt)
    yield from _rounding(receipt)


def _did_rental(receipt: Receipt) -> Iterator[str]:
    destination, row = receipt.get("destination", "no name"), receipt["row_number"]
    price = decimal_text(receipt["price_nanos"], NANOS_PER_UNIT)
    yield f"The number begins with {receipt['prefix']}: {destination} (row {row})."
    yield f"It costs {price} {deck_currency(receipt)} a month."
    yield f"It is rented for {receipt['covered_days']} of {receipt['period_days']} days."
    yield from _exchanges(receipt)
    yield from _rounding(receipt)


def _volume_adjustment(receipt: Receipt) -> Iterator[str]:
    volume, currency = receipt["volume"], receipt["currency"]
    yield f"The volume tiers '{volume['code']}' counted {volume['count']} ({volume['measure']})."
    yield f"{money(volume['spent_micros'], currency)} were charged for it before."
    yield f"The prices of the whole volume: {tiers_words(volume, receipt)}."
    yield from _exchanges(receipt)
    yield from _rounding(receipt)


_EXPLAIN: dict[str, Callable[[Receipt], Iterator[str]]] = {
    kinds.RECURRING_FEE: _recurring_fee,
    kinds.ONE_OFF_FEE: _one_off_fee,
    kinds.DID_RENTAL: _did_rental,
    kinds.VOLUME_ADJUSTMENT: _volume_adjustment,
}

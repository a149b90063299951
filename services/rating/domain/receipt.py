"""The receipt of a charge: compact data from which its amount can be computed again, and words.

It is JSON in a fixed order of keys, so equal receipts are equal bytes. It holds no personal data:
a prefix, never a number; ids, never names of people.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from kernel.money import MICROS_PER_UNIT
from kernel.rounding import RoundingMode
from services.rating.domain.plan import PlanRevision
from services.rating.domain.pricing import EXACT_DENOMINATOR, MS_PER_SECOND, exact_numerator
from services.rating.domain.rate_deck import Rate
from services.rating.domain.rounding_rules import DurationRounding, PriceRule

RECEIPT_VERSION = 1
CALL = "CALL"
RECURRING_FEE = "RECURRING_FEE"
UNANSWERED = "UNANSWERED"
EMERGENCY = "EMERGENCY"
MOVED = "MOVED"
NANOS_PER_UNIT = 10**9
QUOTED_DESTINATIONS_MAX = 50_000


class FeeShare(NamedTuple):
    """The part of a fee that is charged: covered days of the days of a period."""

    monthly_fee_micros: int
    covered_days: int
    period_days: int


def terms_head(currency: str, revision: PlanRevision) -> bytes:
    """What the receipts of all calls priced by the same terms begin with."""
    fields = _head(CALL, currency, revision)
    return _encoded({**fields, "duration_rounding": revision.duration_rounding.name})[:-1]


def rate_head(head: bytes, deck_version_id: str, rate: Rate) -> bytes:
    """What the receipts of all calls priced by one row of a deck go on with."""
    fields = (
        f',"rate_deck_version_id":"{deck_version_id}","row_number":{rate.row_number}'
        f',"prefix":"{rate.prefix}","destination":{_quoted(rate.destination)}'
        f',"price_nanos":{rate.price_nanos},"connect_fee_micros":{rate.connect_fee_micros}'
        f',"first_increment":{rate.first_increment}'
        f',"next_increment":{rate.next_increment}'
        f',"minimum":{rate.minimum},"grace_seconds":{rate.grace_seconds}'
    )
    return head + fields.encode()


def priced_call(head: bytes, duration_ms: int, charged_seconds: int, amount_micros: int) -> bytes:
    """The receipt of a priced call."""
    return b'%b,"duration_ms":%d,"charged_seconds":%d,"amount_micros":%d}' % (
        head,
        duration_ms,
        charged_seconds,
        amount_micros,
    )


def free_call(why: str, currency: str, duration_ms: int) -> bytes:
    """The receipt of a call that is free whatever the rates: UNANSWERED, EMERGENCY or MOVED."""
    return (
        f'{{"version":{RECEIPT_VERSION},"kind":"{CALL}","currency":"{currency}","free":"{why}"'
        f',"duration_ms":{duration_ms},"amount_micros":0}}'
    ).encode()


def recurring_fee(
    currency: str, revision: PlanRevision, share: FeeShare, amount_micros: int
) -> bytes:
    """The receipt of a fee for a period."""
    head = _head(RECURRING_FEE, currency, revision)
    return _encoded({**head, **share._asdict(), "amount_micros": amount_micros})


def no_fee(currency: str) -> bytes:
    """The receipt of a period in which the plan had no terms yet."""
    return _encoded(
        {
            "version": RECEIPT_VERSION,
            "kind": RECURRING_FEE,
            "currency": currency,
            "amount_micros": 0,
        }
    )


def read_receipt(content: bytes) -> dict[str, Any]:
    """The fields of a receipt."""
    fields: dict[str, Any] = json.loads(content)
    return fields


def is_moved(content: bytes) -> bool:
    """Whether a receipt says that its call turned out to be another account's."""
    return read_receipt(content).get("free") == MOVED


def rate_of(receipt: Mapping[str, Any]) -> Rate:
    """The row of the deck that priced a call."""
    return Rate(*(receipt[name] for name in Rate._fields))


def price_rule_of(receipt: Mapping[str, Any]) -> PriceRule:
    """The rule that rounded the amount."""
    return PriceRule(RoundingMode(receipt["price_rounding"]), receipt["price_decimals"])


def exact_amount(receipt: Mapping[str, Any]) -> tuple[int, int]:
    """The exact amount before rounding, in units: numerator and denominator."""
    if "prefix" in receipt:
        numerator = exact_numerator(rate_of(receipt), receipt["charged_seconds"])
        return numerator, EXACT_DENOMINATOR * MICROS_PER_UNIT
    if "monthly_fee_micros" in receipt:
        numerator = receipt["monthly_fee_micros"] * receipt["covered_days"]
        return numerator, receipt["period_days"] * MICROS_PER_UNIT
    return 0, 1


def explain(receipt: Mapping[str, Any]) -> list[str]:
    """The reasoning behind an amount, a sentence a step."""
    if "prefix" in receipt:
        return _explain_call(receipt)
    if "monthly_fee_micros" in receipt:
        return _explain_fee(receipt)
    return [
        {
            UNANSWERED: "The call was not answered; it is free.",
            EMERGENCY: "Calls to emergency numbers are free.",
            MOVED: "A corrected record shows this call to be another account's; it is free here.",
            None: "The plan had no terms at the start of the period; there is no fee.",
        }[receipt.get("free")]
    ]


def _explain_call(receipt: Mapping[str, Any]) -> list[str]:
    rate, currency = rate_of(receipt), receipt["currency"]
    duration = decimal_text(receipt["duration_ms"], MS_PER_SECOND)
    rounding = DurationRounding[receipt["duration_rounding"]].name
    numerator, denominator = exact_amount(receipt)
    sentences = [
        f"The number begins with {rate.prefix}: {rate.destination} (row {rate.row_number}).",
        f"A minute costs {decimal_text(rate.price_nanos, NANOS_PER_UNIT)} {currency}.",
        f"The call lasted {duration} s; fractions of a second are rounded {rounding}.",
    ]
    if rate.minimum:
        sentences.append(f"At least {rate.minimum} s are charged.")
    sentences.append(
        f"The first {rate.first_increment} s, then every begun "
        f"{rate.next_increment} s make {receipt['charged_seconds']} s."
    )
    if rate.connect_fee_micros:
        fee = decimal_text(rate.connect_fee_micros, MICROS_PER_UNIT)
        sentences.append(f"Being connected costs {fee} {currency} once.")
    sentences.append(f"That is exactly {numerator}/{denominator} {currency}.")
    return [*sentences, _explain_rounding(receipt)]


def _explain_fee(receipt: Mapping[str, Any]) -> list[str]:
    fee = decimal_text(receipt["monthly_fee_micros"], MICROS_PER_UNIT)
    return [
        f"The plan costs {fee} {receipt['currency']} a month.",
        f"The subscription covers {receipt['covered_days']} of {receipt['period_days']} days.",
        _explain_rounding(receipt),
    ]


def _explain_rounding(receipt: Mapping[str, Any]) -> str:
    amount = decimal_text(receipt["amount_micros"], MICROS_PER_UNIT)
    return f"Rounded {price_rule_of(receipt)}, that is {amount} {receipt['currency']}."


def decimal_text(value: int, scale: int) -> str:
    """Value ÷ scale, a power of ten, as the shortest exact decimal number."""
    whole, fraction = divmod(abs(value), scale)
    digits = str(fraction).zfill(len(str(scale)) - 1).rstrip("0") if fraction else ""
    sign = "-" if value < 0 else ""
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def _head(kind: str, currency: str, revision: PlanRevision) -> dict[str, Any]:
    return {
        "version": RECEIPT_VERSION,
        "kind": kind,
        "currency": currency,
        "plan_revision_id": revision.plan_revision_id,
        "price_rounding": revision.price_rule.mode.value,
        "price_decimals": revision.price_rule.decimals,
    }


# Destinations repeat, and quoting them is the dearest part of a receipt.
@lru_cache(maxsize=QUOTED_DESTINATIONS_MAX)
def _quoted(destination: str) -> str:
    return json.dumps(destination, ensure_ascii=False)


def _encoded(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()

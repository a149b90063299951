"""Receipts: compact data from which the amount of a charge can be computed again.

The format is docs/reference/receipts.md: JSON in a fixed order of keys, so equal receipts are equal
bytes. It holds no personal data: a prefix, never a number; ids, never names of people.
"""

from __future__ import annotations

import json
from binascii import hexlify
from collections.abc import Iterator, Mapping
from hashlib import sha256
from math import gcd
from typing import Any

from kernel.clock import MS_PER_SECOND
from kernel.rounding import RoundingMode
from services.rating.domain.compact_json import json_text
from services.rating.domain.counters import CounterKey, CounterState, CounterUse
from services.rating.domain.exact import Ratio
from services.rating.domain.plans.rounding_rules import PriceRule
from services.rating.domain.priced_call import Usage
from services.rating.domain.usage import Service

RECEIPT_VERSION = 2
DIGEST_BYTES = 8

RECURRING_FEE = "RECURRING_FEE"
ONE_OFF_FEE = "ONE_OFF_FEE"
DID_RENTAL = "DID_RENTAL"
VOLUME_ADJUSTMENT = "VOLUME_ADJUSTMENT"

# Why something costs nothing whatever its price.
UNANSWERED = "UNANSWERED"
EMERGENCY = "EMERGENCY"
GRACE = "GRACE"
MOVED = "MOVED"
REFUNDED = "REFUNDED"
NO_FEE = "NO_FEE"


Receipt = Mapping[str, Any]
"""The fields of a receipt."""


def free_call(why: str, usage: Usage, currency: str) -> bytes:
    """The receipt of a call that is free whatever the rates: UNANSWERED or EMERGENCY."""
    is_voice = usage.service is Service.VOICE
    recorded = {"duration_ms": usage.duration_ms} if is_voice else {"quantity": usage.quantity}
    return _free(usage.service.name, currency, why, recorded)


def given_back(content: bytes, why: str) -> bytes:
    """The receipt of something whose charge was given back whole: MOVED or REFUNDED."""
    receipt = read_receipt(content)
    recorded = {key: receipt[key] for key in ("duration_ms", "quantity") if key in receipt}
    return _free(receipt["kind"], receipt["currency"], why, recorded)


def no_fee(currency: str, kind: str = RECURRING_FEE) -> bytes:
    """The receipt of a fee that no terms in force know."""
    return _free(kind, currency, NO_FEE, {})


def of_kind(kind: str, currency: str, fields: Receipt) -> bytes:
    """A receipt of what its kind adds."""
    head = {"version": RECEIPT_VERSION, "kind": kind, "currency": currency}
    return sealed(json_text({**head, **fields})[:-1].encode())


def sealed(content: bytes) -> bytes:
    """A receipt that lacks nothing but its digest, with it."""
    digest = hexlify(sha256(content).digest()[:DIGEST_BYTES])
    return content + b',"digest":"' + digest + b'"}'


def exact_text(ratio: Ratio) -> str:
    """An exact amount, in lowest terms."""
    divisor = gcd(*ratio)
    return f"{ratio[0] // divisor}/{ratio[1] // divisor}"


def read_receipt(content: bytes) -> dict[str, Any]:
    """The fields of a receipt."""
    fields: dict[str, Any] = json.loads(content)
    return fields


def is_moved(content: bytes) -> bool:
    """Whether a receipt says that its call turned out to be another account's."""
    return read_receipt(content).get("free") == MOVED


def quantity_of(content: bytes) -> int:
    """What was recorded: begun seconds are left out of a duration; 0 of what has no quantity."""
    receipt = read_receipt(content)
    seconds: int = receipt.get("duration_ms", 0) // MS_PER_SECOND
    return int(receipt.get("quantity", seconds))


def counter_uses(content: bytes) -> tuple[CounterUse, ...]:
    """What a call took from counters, and from which."""
    if b'"period_start_micros"' not in content:
        return ()
    receipt = read_receipt(content)
    uses = [_bundle_use(each) for each in bundles_of(receipt)]
    if "count" not in receipt.get("volume", {"count": 0}):
        uses.append(_volume_use(receipt["volume"]))
    return tuple(use for use in uses if use.before != use.after)


def bundles_of(receipt: Receipt) -> Iterator[Receipt]:
    """The bundles that paid for base units, then those that paid for the amount."""
    yield from receipt.get("bundles", ())
    yield from receipt.get("money_bundles", ())


def price_rule_of(receipt: Receipt) -> PriceRule:
    """The rule that rounded the amount."""
    return PriceRule(RoundingMode(receipt["price_rounding"]), receipt["price_decimals"])


def exact_amount(receipt: Receipt) -> Ratio:
    """The exact amount in micros before rounding; nothing of what is free."""
    numerator, _, denominator = receipt.get("exact_micros", "0/1").partition("/")
    return int(numerator), int(denominator)


def _free(kind: str, currency: str, why: str, recorded: Mapping[Any, int]) -> bytes:
    return of_kind(kind, currency, {"free": why, **recorded, "amount_micros": 0})


def _bundle_use(shown: Receipt) -> CounterUse:
    before = CounterState(shown["granted"], shown.get("before", 0))
    return CounterUse(_key(shown), before, before._replace(used=shown["after"]))


def _volume_use(shown: Receipt) -> CounterUse:
    before = CounterState(0, shown["before"], shown.get("spent_before_micros", 0))
    after = CounterState(0, shown["after"], shown.get("spent_after_micros", 0))
    return CounterUse(_key(shown), before, after)


def _key(shown: Receipt) -> CounterKey:
    return CounterKey(*(shown[name] for name in CounterKey._fields))

"""The price of one usage, as docs/concepts/pricing.md defines it: exact integers, rounded once.

The work grows with the changes, bands and tiers that a call crosses, never with its seconds or its
increments. This scalar path is the reference of `pricing_columns`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from kernel.clock import MS_PER_SECOND
from kernel.e164 import NumberKind
from kernel.money import NANOS_PER_MICRO
from services.rating.domain.account import Customer
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.counters import CounterBook, CounterUse
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.errors import (
    CURRENCY_MISMATCH,
    INVALID_DURATION,
    INVALID_QUANTITY,
    NO_PLAN,
)
from services.rating.domain.priced_call import NoPriceError, PricedCall, Usage, unrated
from services.rating.domain.pricing import call_receipt
from services.rating.domain.pricing.full_price import FullPrice, PricingCase, price_in_full
from services.rating.domain.pricing.rate_search import InForce, RateSearch
from services.rating.domain.quantity import (
    charged_quantity,
    is_in_grace,
    is_valid_duration,
    is_valid_quantity,
    whole_seconds,
)
from services.rating.domain.receipts import receipt
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms
from services.rating.domain.usage import Service

__all__ = ["PriceByLength", "PricedCall", "Usage", "price_by_length", "price_usage", "steady_rate"]

PriceByLength = Callable[[int, CounterBook], PricedCall]
"""The price of a call by its milliseconds."""

UNANSWERED_LINE = "Unanswered calls"
EMERGENCY_LINE = "Emergency calls"


class _Start(NamedTuple):
    """What is in force when a usage starts."""

    search: RateSearch
    governing: Terms
    first: InForce


def price_usage(
    usage: Usage,
    customer: Customer,
    tariff: Tariff,
    table_of: Callable[[str], PrefixTable],
    counters: CounterBook,
    with_receipt: bool = True,
) -> PricedCall:
    """What a usage costs, and what it does to counters, which it does not move itself.

    `table_of` gives the compiled rows of a deck version. A quote needs no receipt.
    """
    ended = _end_by_nature(usage, customer)
    if ended is not None:
        return ended
    search = RateSearch(usage, customer, tariff, table_of)
    try:
        start = _start(search)
        return _price(_case(start, usage, customer, tariff), counters, with_receipt)
    except NoPriceError as error:
        return unrated(str(error))


def price_by_length(
    usage: Usage,
    customer: Customer,
    tariff: Tariff,
    table_of: Callable[[str], PrefixTable],
) -> PriceByLength:
    """The prices of a call by its milliseconds: what its length does not decide is found once."""
    search = RateSearch(usage, customer, tariff, table_of)
    start: _Start | None = None

    def price(duration_ms: int, counters: CounterBook) -> PricedCall:
        nonlocal start
        lasting = usage._replace(duration_ms=duration_ms)
        ended = _end_by_nature(lasting, customer)
        if ended is not None:
            return ended
        try:
            start = start or _start(search)
            return _price(_case(start, lasting, customer, tariff), counters, with_receipt=False)
        except NoPriceError as error:
            return unrated(str(error))

    return price


def steady_rate(
    usage: Usage,
    customer: Customer,
    tariff: Tariff,
    table_of: Callable[[str], PrefixTable],
    seconds_max: int,
) -> Rate | None:
    """The rate of a call that costs the same whenever it is answered, and whatever else happens.

    It holds for so many seconds from the begin of the usage on. None for any other call.
    """
    longest = usage._replace(duration_ms=seconds_max * MS_PER_SECOND)
    if _end_by_nature(usage, customer) is not None:
        return None
    search = RateSearch(usage, customer, tariff, table_of)
    try:
        case = _case(_start(search), longest, customer, tariff)
    except NoPriceError:
        return None
    governing = case.governing
    is_steady = not governing.compiled.has_bands and search.stays(governing, seconds_max)
    return case.rate if is_steady and _is_plain(case) else None


def _price(case: PricingCase, counters: CounterBook, with_receipt: bool) -> PricedCall:
    if case.usage.service is Service.VOICE and is_in_grace(case.usage.duration_ms, case.rate):
        return _in_grace(case, with_receipt)
    if _is_plain(case):
        return _plain(case, with_receipt)
    return _full(case, price_in_full(case, counters), with_receipt)


def _end_by_nature(usage: Usage, customer: Customer) -> PricedCall | None:
    """How a usage ends that no terms are needed for; None for any other."""
    currency = customer.account.currency
    if currency != customer.payer.currency:
        return unrated(CURRENCY_MISMATCH)
    if not is_valid_duration(usage.duration_ms):
        return unrated(INVALID_DURATION)
    if not is_valid_quantity(usage.quantity):
        return unrated(INVALID_QUANTITY)
    if usage.callee_kind == NumberKind.EMERGENCY:
        return _free(receipt.EMERGENCY, EMERGENCY_LINE, currency, usage)
    if not usage.answered:
        return _free(receipt.UNANSWERED, UNANSWERED_LINE, currency, usage)
    return None


def _free(why: str, usage_line: str, currency: str, usage: Usage) -> PricedCall:
    content = receipt.free_call(why, usage, currency)
    return PricedCall(Outcome.ZERO, "", currency, 0, 0, usage_line, "", content)


def _start(search: RateSearch) -> _Start:
    """The governing terms and the first rate of what is searched for."""
    governing = search.terms_at(search.usage.start_micros)
    if governing is None:
        raise NoPriceError(NO_PLAN)
    first = search.first(governing)
    if first is None:
        raise NoPriceError(search.why_none())
    return _Start(search, governing, first)


def _case(start: _Start, usage: Usage, customer: Customer, tariff: Tariff) -> PricingCase:
    """The usage with its governing terms and its first rate."""
    search, governing, first = start
    quantity = usage.quantity
    if usage.service is Service.VOICE:
        quantity = whole_seconds(usage.duration_ms, governing.revision.duration_rounding)
    charged = charged_quantity(quantity, first.found.rate)
    return PricingCase(usage, customer, tariff, search, governing, first, charged)


def _is_plain(case: PricingCase) -> bool:
    """Whether nothing but the first rate decides the price."""
    governing, first = case.governing, case.first
    return (
        governing.is_plain
        and first.terms is governing
        and not case.customer.grants
        and first.found.version.currency == governing.currency == case.customer.account.currency
        and (
            case.usage.service is not Service.VOICE
            or not governing.compiled.splits
            or case.search.stays(governing, case.charged)
        )
    )


def _in_grace(case: PricingCase, with_receipt: bool) -> PricedCall:
    content = call_receipt.grace_call(_head(case), case.usage) if with_receipt else b""
    return _priced(case, 0, 0, content)


def _plain(case: PricingCase, with_receipt: bool) -> PricedCall:
    """The price in closed form: connect fee + charged units * price / size of the unit."""
    rate, usage, charged = case.rate, case.usage, case.charged
    denominator = usage.service.unit_size * NANOS_PER_MICRO
    exact = rate.connect_fee_micros * denominator + charged * rate.price_nanos, denominator
    amount = case.governing.revision.price_rule.round_micros(*exact)
    content = b""
    if with_receipt:
        content = call_receipt.plain_call(_head(case), usage, charged, exact, amount)
    return _priced(case, charged, amount, content)


def _full(case: PricingCase, price: FullPrice, with_receipt: bool) -> PricedCall:
    content = call_receipt.full_call(_head(case), case, price) if with_receipt else b""
    return _priced(case, case.charged, price.amount_micros, content, price.counter_uses())


def _head(case: PricingCase) -> bytes:
    return call_receipt.call_head(case.governing, case.customer.account.currency, case.first.found)


def _priced(
    case: PricingCase,
    charged: int,
    amount: int,
    content: bytes,
    uses: tuple[CounterUse, ...] = (),
) -> PricedCall:
    outcome = Outcome.RATED if amount else Outcome.ZERO
    rate, currency = case.rate, case.customer.account.currency
    return PricedCall(
        outcome, "", currency, amount, charged, rate.destination, rate.prefix, content, uses
    )

"""The margin of a party of a call, in the base currency of the tenant."""

from __future__ import annotations

from typing import NamedTuple

from kernel.rounding import RoundingMode, round_ratio
from services.rating.domain.charges.charge import ChargeRevision
from services.rating.domain.tariffs.tariff import Tariff


class Margin(NamedTuple):
    """What a party pays, and what the next one up is paid for the same call."""

    charge_id: bytes
    currency: str
    revenue_micros: int
    cost_micros: int


def margin_of(charge: ChargeRevision, above: ChargeRevision, tariff: Tariff) -> Margin | None:
    """The margin of a charge; None while one of the two has no price or no exchange rate.

    Without a base currency it is in the charge's own.
    """
    if not charge.currency or not above.currency:
        return None
    currency = tariff.base_currency or charge.currency
    revenue = _exchanged(charge, currency, tariff)
    cost = _exchanged(above, currency, tariff)
    if revenue is None or cost is None:
        return None
    return Margin(charge.charge_id, currency, revenue, cost)


def _exchanged(charge: ChargeRevision, currency: str, tariff: Tariff) -> int | None:
    exchange = tariff.exchange.at(charge.currency, currency, charge.start_time)
    if exchange is None:
        return None
    amount = charge.amount_micros * exchange.numerator
    return round_ratio(amount, exchange.denominator, RoundingMode.HALF_UP)

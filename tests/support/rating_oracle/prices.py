"""What a call costs, read a second time from docs/concepts/pricing.md: fractions, unit by unit.

Slow on purpose and made of nothing that it judges: it imports the terms of a plan, and no pricing.
"""

from collections import Counter
from fractions import Fraction
from typing import NamedTuple

from kernel.e164 import NumberKind
from services.rating.domain.account import Customer
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import (
    CounterPeriod,
    Crossing,
    PlanRevision,
    PriceAdjustment,
    TierPrice,
)
from services.rating.domain.usage import Service
from tests.support.rating_oracle import rounding
from tests.support.rating_oracle.allowances import pay
from tests.support.rating_oracle.counters import Changes, Counters, merged
from tests.support.rating_oracle.local_time import (
    MINUTE_MICROS,
    SECOND_MICROS,
    Span,
    band_at,
    counter_span,
)
from tests.support.rating_oracle.tenant import Tenant, Usage
from tests.support.rating_oracle.terms_over_time import Situation, TermsOverTime, holds
from tests.support.rating_oracle.volume import Volume, factor

# Up to here every unit is looked at; beyond, those where something may change.
UNITS_ONE_BY_ONE = 600
INCREMENTS_ONE_BY_ONE = 100_000
NANOS_PER_MICRO = 1_000
NO_CHANGES: Changes = {}


class UnpricedError(Exception):
    """A call that has no price, with its reason."""


class Answer(NamedTuple):
    """What a call costs, and what it takes from counters."""

    unpriced: str
    currency: str
    amount_micros: int = 0
    charged_quantity: int = 0
    prefix: str = ""
    changes: Changes = NO_CHANGES


def price(tenant: Tenant, usage: Usage, customer: Customer, counters: Counters) -> Answer:
    """Price a call on the counters as they stand; they are left as they are."""
    currency = customer.account.currency
    if not usage.answered or usage.callee_kind == NumberKind.EMERGENCY:
        return Answer("", currency)
    try:
        return Call(tenant, usage, customer).price(counters)
    except UnpricedError as reason:
        return Answer(str(reason), currency)


class Call:
    """One call on its way through the steps of the definition."""

    def __init__(self, tenant: Tenant, usage: Usage, customer: Customer) -> None:
        self.tenant, self.usage, self.customer = tenant, usage, customer
        self.account_currency = customer.account.currency
        self.terms = TermsOverTime(tenant, usage, customer)
        self.governing = self._governing_revision()
        self.currency = tenant.currency_of(self.governing.plan_id)
        has_terms = self.terms.revision_at(usage.begin_micros) is not None
        # Without terms at begin, all that is judged at begin is judged at the start.
        self._begin = usage.begin_micros if has_terms else usage.start_micros
        self._band = band_at(self.governing, tenant.calendars, self._begin)

    def price(self, counters: Counters) -> Answer:
        """All ten steps."""
        first = self._first_situation()
        if self._is_within_grace(first.rate):
            return Answer("", self.account_currency, prefix=first.rate.prefix)
        to_account = self._exchange(self.currency, self.account_currency)
        charged = self._charged_quantity(first.rate)
        covered = pay(self, charged, counters, is_money=False)
        volume = Volume(self, counters)
        plain_time = self._time(first, covered.quantity, charged, volume) * to_account
        fee = self._connect_fee(first)
        if covered.covers_connect_fee:
            fee = Fraction(0)
        time = volume.time_cost(plain_time) / to_account
        exact = self._limited(fee, time, is_used=charged > covered.quantity)
        amount = self._rounded(exact * to_account)
        money = pay(self, amount, counters, is_money=True)
        rest = amount - money.quantity
        counted = volume.advance(charged - covered.quantity, plain_time, rest)
        changes = merged([covered.changes, money.changes, counted])
        return Answer("", self.account_currency, rest, charged, first.rate.prefix, changes)

    def holds_at_begin(self, when: Condition) -> bool:
        """Whether a condition of the governing revision holds when conversation begins."""
        return holds(when, self.usage.facts, self._band)

    def counter_span(self, period: CounterPeriod, instant_micros: int | None = None) -> Span:
        """The period of a counter that the call, or another instant, counts in."""
        instant = self.usage.counting_micros if instant_micros is None else instant_micros
        cycle = self.customer.payer.cycle
        is_billing = period == CounterPeriod.BILLING
        zone = cycle.time_zone if is_billing else self.governing.time_zone
        return counter_span(period, zone, cycle.billing_day, instant)

    def _governing_revision(self) -> PlanRevision:
        revision = self.terms.revision_at(self.usage.start_micros)
        if revision is None:
            raise UnpricedError("NO_PLAN")
        return revision

    def _exchange(self, source: str, target: str) -> Fraction:
        rate = self.tenant.exchange(source, target, self.usage.start_micros)
        if rate is None:
            raise UnpricedError("NO_EXCHANGE_RATE")
        return rate

    # Steps 1 to 4.

    def _first_situation(self) -> Situation:
        first = self.terms.situation(self._begin)
        if first is None or self.usage.callee_kind == NumberKind.SHORT_CODE:
            is_short = self.usage.callee_kind == NumberKind.SHORT_CODE
            comes_later = not is_short and self.terms.comes_later(self._begin)
            raise UnpricedError("RATE_NOT_YET_VALID" if comes_later else "NO_RATE")
        return first

    def _is_within_grace(self, rate: Rate) -> bool:
        is_voice = self.usage.service == Service.VOICE
        return is_voice and 0 < self.usage.duration_ms <= rate.grace_seconds * 1_000

    def _charged_quantity(self, rate: Rate) -> int:
        to_cover = max(self._quantity(), rate.minimum)
        charged = rate.first_increment
        following = rate.next_increment
        # So many are leapt over, all but the last.
        if to_cover - charged > INCREMENTS_ONE_BY_ONE * following:
            charged += (to_cover - charged) // following * following
        while charged < to_cover:
            charged += following
        return charged

    def _quantity(self) -> int:
        if self.usage.service != Service.VOICE:
            return self.usage.quantity
        rule = self.governing.duration_rounding
        return rounding.to_whole(Fraction(self.usage.duration_ms, 1_000), rule.name)

    # Step 6.

    def _time(self, first: Situation, covered: int, charged: int, volume: Volume) -> Fraction:
        """What the paid units cost in micros of the plan's currency."""
        counts: Counter[tuple[Situation, TierPrice, TierPrice]] = Counter()
        situation = first
        units = self._units_to_look_at(covered, charged, volume)
        for unit, following in zip(units, [*units[1:], charged], strict=True):
            situation = self._situation_of_unit(unit) or situation
            if unit >= covered:
                duration = self._duration_price(situation.revision, unit)
                key = (situation, duration, volume.price_of_unit(unit - covered))
                counts[key] += following - unit
        costs = (count * self._unit_price(*key) for key, count in counts.items())
        return sum(costs, Fraction(0)) / NANOS_PER_MICRO / self.usage.service.unit_size

    def _situation_of_unit(self, unit: int) -> Situation | None:
        is_fixed = self.governing.crossing == Crossing.AT_START
        if unit == 0 or is_fixed or self.usage.service != Service.VOICE:
            return None
        return self.terms.situation(self.usage.begin_micros + unit * SECOND_MICROS)

    def _units_to_look_at(self, covered: int, charged: int, volume: Volume) -> list[int]:
        """All of them in a short call; in a long one those before which something may change."""
        if charged <= UNITS_ONE_BY_ONE:
            return list(range(charged))
        units = {0, covered, *(covered + place for place in volume.thresholds())}
        for revision in self.tenant.revisions:
            units.update(tier.from_quantity for tier in revision.duration_tiers)
        if self.usage.service == Service.VOICE:
            begin = self.usage.begin_micros
            end = begin + charged * SECOND_MICROS
            minutes = range(begin // MINUTE_MICROS, end // MINUTE_MICROS + 1)
            instants = [*self.terms.steps, *(minute * MINUTE_MICROS for minute in minutes)]
            units.update(-((begin - instant) // SECOND_MICROS) for instant in instants)
        return sorted(unit for unit in units if 0 <= unit < charged)

    def _duration_price(self, revision: PlanRevision, unit: int) -> TierPrice:
        if self.usage.service != Service.VOICE:
            return TierPrice()
        reached = [each.price for each in revision.duration_tiers if each.from_quantity <= unit]
        return reached[-1] if reached else TierPrice()

    def _unit_price(self, situation: Situation, duration: TierPrice, tier: TierPrice) -> Fraction:
        """Nanos of the plan's currency for a unit of the service."""
        exchange = self._exchange(situation.rate_currency, situation.currency)
        price = _tiered(situation.rate.price_nanos * exchange, duration)
        for adjustment in self._adjustments(situation):
            price = price * factor(adjustment.factor_millionths) + adjustment.surcharge_nanos
            price = max(price, Fraction(0))
        return _tiered(price * self._exchange(situation.currency, self.currency), tier)

    def _adjustments(self, situation: Situation) -> list[PriceAdjustment]:
        return [
            each
            for each in situation.revision.adjustments
            if holds(each.when, self.usage.facts, situation.band)
        ]

    # Steps 7 to 9.

    def _connect_fee(self, first: Situation) -> Fraction:
        fee = first.rate.connect_fee_micros * self._exchange(first.rate_currency, self.currency)
        for adjustment in self._adjustments(first):
            if adjustment.includes_connect_fee:
                fee *= factor(adjustment.factor_millionths)
        return fee

    def _limited(self, fee: Fraction, time: Fraction, *, is_used: bool) -> Fraction:
        caps = [cap for cap in self.governing.price_caps if self.holds_at_begin(cap.when)]
        exact = fee + time
        if caps and caps[0].includes_connect_fee:
            exact = min(exact, Fraction(caps[0].amount_micros))
        elif caps:
            exact = fee + min(time, Fraction(caps[0].amount_micros))
        if is_used or fee != 0:
            exact = max(exact, Fraction(self.governing.minimum_charge_micros))
        return exact

    def _rounded(self, exact_micros: Fraction) -> int:
        rule = self.governing.price_rule
        return rounding.to_decimals(exact_micros, rule.mode.name, rule.decimals)


def _tiered(price: Fraction, tier: TierPrice) -> Fraction:
    if tier.price_nanos is not None:
        return Fraction(tier.price_nanos)
    return price * factor(tier.factor_millionths)

"""Fees, rented numbers and adjustments of whole volumes, by the engine and by the definition."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import NamedTuple

from kernel.e164 import NumberKind
from services.rating.domain.account import Customer
from services.rating.domain.counters import CounterKey, CounterState
from services.rating.domain.fees.fee_prices import (
    DidRental,
    FeeTerms,
    PricedFee,
    did_rental,
    one_off_fee,
    recurring_fee,
)
from services.rating.domain.fees.recurring_fee import DayShare
from services.rating.domain.fees.volume_adjustment import volume_adjustment
from services.rating.domain.plans.conditions import CallFacts, Condition, Jurisdiction, Relation
from services.rating.domain.plans.plan import (
    Fee,
    Measure,
    PlanRevision,
    TierPrice,
    VolumeMode,
    VolumeTier,
    VolumeTiers,
)
from services.rating.domain.usage import Service
from tests.support.rating_oracle import rounding
from tests.support.rating_oracle.agreement import Engine
from tests.support.rating_oracle.random_money import random_amount, random_price
from tests.support.rating_oracle.random_tenants import Scene, random_scene
from tests.support.rating_oracle.random_terms import FACTORS, SERVICES
from tests.support.rating_oracle.tenant import Tenant, Usage
from tests.support.rating_oracle.terms_over_time import TermsOverTime
from tests.support.rating_oracle.volume import factor

NANOS_PER_MICRO = 1_000


class _Sold(NamedTuple):
    """What prices a fee, as the oracle reads it, and as the engine does."""

    tenant: Tenant
    revision: PlanRevision
    currency: str
    instant: int
    by: FeeTerms

    def amount(self, exact: Fraction, source: str) -> int | None:
        """Exchanged to the plan's currency, then to the account's, and rounded once."""
        plan_currency = self.tenant.currency_of(self.revision.plan_id)
        first = self.tenant.exchange(source, plan_currency, self.instant)
        second = self.tenant.exchange(plan_currency, self.currency, self.instant)
        return None if first is None or second is None else self.rounded(exact * first * second)

    def rounded(self, exact: Fraction) -> int:
        rule = self.revision.price_rule
        return rounding.to_decimals(exact, rule.mode.name, rule.decimals)


def random_fees(seed: int) -> Iterator[tuple[PricedFee, int]]:
    """Fees of a random tenant with what the definition says they cost; without exchange, none."""
    rng = Random(seed)
    scene = _renting(random_scene(rng))
    engine = Engine(scene.tenant)
    for revision in scene.tenant.revisions:
        customer = rng.choice(scene.tenant.customers)
        instant = rng.choice(scene.moments)
        terms = engine.tariff.terms_at(revision.plan_id, instant)
        if terms is None:
            continue
        currency = customer.account.currency
        by = FeeTerms.of(customer, terms, engine.tariff, instant)
        sold = _Sold(scene.tenant, terms.revision, currency, instant, by)
        yield from _monthly_and_once(rng, sold)
        yield from _rental(rng, scene, engine, customer, instant)
        yield from _adjustment(rng, sold)


def _renting(scene: Scene) -> Scene:
    """Decks of voice become decks of numbers to rent."""
    versions = [
        version._replace(service=Service.DID_RENTAL)
        if version.service == Service.VOICE
        else version
        for version in scene.tenant.deck_versions
    ]
    revisions = [
        replace(each, monthly_fee_micros=each.minimum_charge_micros + 12_345_678)
        for each in scene.tenant.revisions
    ]
    return replace(scene, tenant=replace(scene.tenant, deck_versions=versions, revisions=revisions))


def _share(rng: Random) -> DayShare:
    days = rng.randint(1, 31)
    return DayShare(rng.randint(1, days), days)


def _monthly_and_once(rng: Random, sold: _Sold) -> Iterator[tuple[PricedFee, int]]:
    share, currency = _share(rng), sold.by.terms.currency
    monthly = sold.revision.monthly_fee_micros * Fraction(*share)
    amount = sold.amount(monthly, currency)
    if amount is not None:
        yield recurring_fee(sold.by, share), amount
    fee = Fee("setup", "Setup", random_amount(rng, currency))
    amount = sold.amount(Fraction(fee.amount_micros), currency)
    if amount is not None:
        yield one_off_fee(sold.by, fee), amount


def _rental(
    rng: Random, scene: Scene, engine: Engine, customer: Customer, instant: int
) -> Iterator[tuple[PricedFee, int]]:
    number, share = rng.choice(scene.numbers), _share(rng)
    facts = CallFacts(Service.DID_RENTAL, "", number, Relation.OFF_NET, Jurisdiction.INDETERMINATE)
    usage = Usage(Service.DID_RENTAL, instant, instant, 0, 1, True, NumberKind.E164, facts, instant)
    found = TermsOverTime(scene.tenant, usage, customer).situation(instant)
    if found is None:
        return
    terms = engine.tariff.terms_at(found.revision.plan_id, instant)
    assert terms is not None
    currency = customer.account.currency
    by = FeeTerms.of(customer, terms, engine.tariff, instant)
    sold = _Sold(scene.tenant, found.revision, currency, instant, by)
    exact = Fraction(found.rate.price_nanos, NANOS_PER_MICRO) * Fraction(*share)
    amount = sold.amount(exact, found.rate_currency)
    if amount is not None:
        table_of = engine.tables.__getitem__
        rental = DidRental(number, share, instant)
        yield did_rental(rental, customer, engine.tariff, table_of), amount


def _adjustment(rng: Random, sold: _Sold) -> Iterator[tuple[PricedFee, int]]:
    tiers = _whole_volume(rng, sold.by.terms.currency)
    count, spent = rng.randrange(5_000), random_amount(rng, sold.currency, minutes=100)
    tier = [each.price for each in tiers.tiers if each.from_count <= count][-1]
    exact = spent * factor(tier.factor_millionths)
    if tier.price_nanos is not None:
        exchange = sold.tenant.exchange(sold.by.terms.currency, sold.currency, sold.instant)
        if exchange is None:
            return
        assert tiers.when.service is not None
        nanos = Fraction(count * tier.price_nanos, tiers.when.service.unit_size)
        exact = nanos / NANOS_PER_MICRO * exchange
    key = CounterKey("payer-0", sold.revision.plan_id, "whole", 0, sold.instant)
    state = CounterState(0, count, spent)
    by = sold.by
    priced = volume_adjustment(key, state, tiers, by.terms, sold.currency, by.tariff)
    yield priced, sold.rounded(exact - spent)


def _whole_volume(rng: Random, currency: str) -> VolumeTiers:
    measure = rng.choice(list(Measure))
    later = TierPrice(rng.choice(FACTORS))
    if measure == Measure.QUANTITY and rng.random() < 0.5:
        later = TierPrice(price_nanos=random_price(rng, currency))
    tiers = (VolumeTier(0, TierPrice()), VolumeTier(rng.randrange(1, 2_500), later))
    when = Condition(service=rng.choice(SERVICES))
    return VolumeTiers("whole", when, measure, VolumeMode.WHOLE_VOLUME, tiers)

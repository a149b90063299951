"""The tenant of a schedule as rating prices it: one deck, one plan, perhaps a reseller above."""

from __future__ import annotations

from functools import cache

from kernel.clock import to_micros
from kernel.e164 import NumberKind
from kernel.money import NANOS_PER_MICRO
from kernel.period import BillingCycle
from kernel.rounding import RoundingMode
from services.rating.domain.account import Account, Customer, Subscription
from services.rating.domain.allowances.needed_counters import counter_keys
from services.rating.domain.charging.call_prices import CallPrices, PayingParty
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.decks.rate_deck import Rate as DeckRate
from services.rating.domain.plans.conditions import CallFacts, Condition, Jurisdiction, Relation
from services.rating.domain.plans.plan import BundleAllowance, BundleUnit, Plan, PlanRevision
from services.rating.domain.plans.rounding_rules import DurationRounding, PriceRule
from services.rating.domain.priced_call import Usage
from services.rating.domain.tariffs.tariff import DeckVersion, Tariff
from services.rating.domain.usage import Service
from tests.support.simulation.scenario import Rate, Tenant
from tests.support.simulation.world import BEGINNING

CURRENCY = "EUR"
CUSTOMER, RESELLER = "customer", "reseller"
CALLEE, CALLER = "31612345678", "31201234567"
SINCE = BEGINNING.replace(day=1, hour=0)
PRICE_DECIMALS = 6


@cache
def call_prices(tenant: Tenant) -> CallPrices:
    """What prices the calls of a schedule: each costs alike whenever it is made."""
    names = [CUSTOMER] if tenant.reseller_rate is None else [CUSTOMER, RESELLER]
    rates = {CUSTOMER: tenant.rate, RESELLER: tenant.reseller_rate or tenant.rate}
    tables = {name: PrefixTable.compile([_deck_rate(rates[name])]) for name in names}
    tariff = Tariff(
        [Plan(name, name, name, CURRENCY, SINCE) for name in names],
        [_revision(name, tenant.bundle_seconds if name == CUSTOMER else 0) for name in names],
        [DeckVersion(name, name, SINCE, Service.VOICE, CURRENCY) for name in names],
    )
    usage = _usage()
    parties = tuple(PayingParty(_customer(name), usage) for name in names)
    keys = frozenset[object]().union(
        *(counter_keys(usage, each.customer, tariff) for each in parties)
    )
    return CallPrices(parties, tariff, tables.__getitem__, keys)  # type: ignore[arg-type]


def _deck_rate(rate: Rate) -> DeckRate:
    nanos = rate.micros_a_minute * NANOS_PER_MICRO
    row = DeckRate("31", "Netherlands", nanos, 0, 0, 0, 0, 0, 2)
    return row._replace(first_increment=rate.first_increment, next_increment=rate.next_increment)


def _revision(name: str, bundle_seconds: int) -> PlanRevision:
    voice = Condition(service=Service.VOICE)
    free = BundleAllowance("free", voice, BundleUnit.QUANTITY, bundle_seconds)
    return PlanRevision(
        plan_revision_id=name,
        plan_id=name,
        revision=1,
        effective_time=SINCE,
        rate_deck_ids=(name,),
        duration_rounding=DurationRounding.UP,
        price_rule=PriceRule(RoundingMode.HALF_UP, PRICE_DECIMALS),
        monthly_fee_micros=0,
        bundles=(free,) if bundle_seconds else (),
    )


def _customer(name: str) -> Customer:
    account = Account(name, name, CURRENCY, BillingCycle("UTC", 1), SINCE)
    return Customer(account, account, [Subscription(name, to_micros(SINCE), None)])


def _usage() -> Usage:
    start = to_micros(BEGINNING)
    facts = CallFacts(Service.VOICE, CALLER, CALLEE, Relation.OFF_NET, Jurisdiction.INDETERMINATE)
    return Usage(Service.VOICE, start, start, 0, 0, True, NumberKind.E164, facts)

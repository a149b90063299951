"""Whole tenants at random: decks, plans over time, customers; a seed makes the same one again."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from random import Random

from kernel.clock import from_micros, to_micros
from kernel.period import BillingCycle
from services.rating.domain.account import (
    Account,
    BundleGrant,
    Customer,
    DeckOverride,
    Subscription,
)
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.plans.conditions import Condition
from services.rating.domain.plans.plan import BundleUnit, Plan, PlanRevision
from services.rating.domain.plans.time_bands import HolidayCalendar
from services.rating.domain.tariffs.exchange import ExchangeRate
from services.rating.domain.tariffs.terms import DeckVersion
from services.rating.domain.usage import Service
from tests.support.rating_oracle.local_time import DAY, MINUTE_MICROS, wall_clock
from tests.support.rating_oracle.random_moments import FIRST, ZONES, near, random_moment
from tests.support.rating_oracle.random_money import WORTH, random_price, random_rate_text
from tests.support.rating_oracle.random_terms import (
    SERVICES,
    Circumstances,
    random_bundle,
    random_revision,
)
from tests.support.rating_oracle.tenant import Tenant

LONG_AGO = FIRST - 200 * DAY
HALF_HOUR_SECONDS = 1_800
HOUR_MICROS = 3_600 * 10**6
INCREMENTS = {
    Service.VOICE: (1, 1, 6, 30, 60, 60, 97),
    Service.SMS: (1, 1, 1, 2),
    Service.DATA: (1, 1, 100, 1_024, 10**6),
}


@dataclass(frozen=True)
class Scene:
    """A tenant, and where and when to make calls that are hard to price."""

    tenant: Tenant
    moments: list[int]
    numbers: list[str]


def random_scene(rng: Random) -> Scene:
    """A tenant and its circumstances."""
    about = _circumstances(rng)
    currencies = rng.sample(sorted(WORTH), 2)
    decks = {
        deck_id: (rng.choice(SERVICES) if place else Service.VOICE, _currency(rng, currencies))
        for place, deck_id in enumerate(about.deck_ids)
    }
    versions = [
        version
        for deck_id, (service, currency) in decks.items()
        for version in _versions(rng, about, deck_id, service, currency)
    ]
    plans = [
        Plan(f"plan-{place}", f"plan-{place}", "Plan", _currency(rng, currencies), LONG_AGO)
        for place in range(rng.randint(1, 3))
    ]
    tenant = Tenant(
        plans=plans,
        revisions=[each for plan in plans for each in _revisions(rng, about, plan)],
        deck_versions=versions,
        rates={each.rate_deck_version_id: _rates(rng, about, each) for each in versions},
        calendars={each: _calendar(rng, about, each) for each in about.calendar_ids},
        exchange_rates=list(_exchange_rates(rng, about, currencies)),
        customers=list(_customers(rng, about, plans, currencies[0])),
    )
    return Scene(tenant, [*about.moments, *_changes(tenant)], list(about.numbers))


def _changes(tenant: Tenant) -> Iterator[int]:
    """When terms change, once they have begun."""
    for revision in tenant.revisions:
        if revision.effective_time > LONG_AGO:
            yield to_micros(revision.effective_time)
    for customer in tenant.customers:
        yield from (each.start_micros for each in customer.subscriptions[1:])


def _circumstances(rng: Random) -> Circumstances:
    zone = rng.choice(ZONES)
    countries = [rng.choice([str(rng.randint(2, 999)), "1212", "1415"]) for _ in range(3)]
    numbers = [
        (rng.choice(countries) + f"{rng.randrange(10**9):09d}")[: rng.randint(7, 12)]
        for _ in range(8)
    ]
    moments = [random_moment(rng, zone) for _ in range(rng.randint(1, 2))]
    decks = [f"deck-{place}" for place in range(rng.randint(2, 5))]
    return Circumstances(zone, moments, numbers, decks, ["calendar-0", "calendar-1"])


def _currency(rng: Random, currencies: list[str]) -> str:
    return currencies[0] if rng.random() < 0.75 else currencies[1]


def _instants(rng: Random, about: Circumstances, most: int) -> list[int]:
    """When something takes force: long ago, then near a moment, each later than the one before."""
    later = {near(rng, rng.choice(about.moments), HALF_HOUR_SECONDS) for _ in range(most)}
    steps = sorted(later)[: rng.randint(0, most)]
    return [to_micros(LONG_AGO), *steps] if rng.random() < 0.97 else steps


def _versions(
    rng: Random, about: Circumstances, deck_id: str, service: Service, currency: str
) -> Iterator[DeckVersion]:
    for place, instant in enumerate(_instants(rng, about, 2)):
        yield DeckVersion(f"{deck_id}-{place}", deck_id, from_micros(instant), service, currency)


def _rates(rng: Random, about: Circumstances, version: DeckVersion) -> dict[str, Rate]:
    """Short prefixes of most numbers, and some longer ones."""
    prefixes = {number[:2] for number in about.numbers if rng.random() < 0.95}
    for number in about.numbers:
        if rng.random() < 0.5:
            prefixes.add(number[: rng.randint(1, len(number))])
    return {
        prefix: _rate(rng, prefix, version, row)
        for row, prefix in enumerate(sorted(prefixes), start=2)
    }


def _rate(rng: Random, prefix: str, version: DeckVersion, row_number: int) -> Rate:
    increments = INCREMENTS[version.service]
    is_voice = version.service == Service.VOICE
    return Rate(
        prefix=prefix,
        destination=f"Destination {prefix}",
        price_nanos=random_price(rng, version.currency),
        connect_fee_micros=rng.choice([0, 0, random_price(rng, version.currency) // 1_000]),
        first_increment=rng.choice(increments),
        next_increment=rng.choice(increments),
        minimum=rng.choice([0, 0, 0, rng.randint(1, 120)]),
        grace_seconds=rng.choice([0, 0, 0, 3, 10]) if is_voice else 0,
        row_number=row_number,
    )


def _revisions(rng: Random, about: Circumstances, plan: Plan) -> Iterator[PlanRevision]:
    for place, instant in enumerate(_instants(rng, about, 2), start=1):
        revision = random_revision(
            rng,
            about,
            plan.currency,
            plan_revision_id=f"{plan.plan_id}-revision-{place}",
            plan_id=plan.plan_id,
            revision=place,
            effective_time=from_micros(instant),
        )
        yield revision if rng.random() < 0.8 else replace(revision, time_zone=rng.choice(ZONES))


def _calendar(rng: Random, about: Circumstances, calendar_id: str) -> HolidayCalendar:
    days = (wall_clock(about.time_zone, each // MINUTE_MICROS).day for each in about.moments)
    dates = frozenset(day + DAY * rng.randint(-1, 1) for day in days)
    return HolidayCalendar(calendar_id, calendar_id, "Holidays", dates)


def _exchange_rates(
    rng: Random, about: Circumstances, currencies: list[str]
) -> Iterator[ExchangeRate]:
    """One direction, the other or both, now and then none."""
    pairs = [tuple(currencies), tuple(reversed(currencies))]
    for source, target in rng.sample(pairs, rng.choice([0, 1, 1, 1, 1, 1, 2, 2])):
        for instant in _instants(rng, about, 2):
            text = random_rate_text(rng, source, target)
            yield ExchangeRate(source, target, from_micros(instant), text, "ECB")


def _customers(
    rng: Random, about: Circumstances, plans: list[Plan], currency: str
) -> Iterator[Customer]:
    """Two who pay for themselves, and one for whom the first pays."""
    payers = [
        Account(name, name, currency, BillingCycle(rng.choice(ZONES), rng.randint(1, 28)), LONG_AGO)
        for name in ("payer-0", "payer-1")
    ]
    child = replace(payers[0], account_id="child-0")
    for account, payer in ((payers[0], payers[0]), (payers[1], payers[1]), (child, payers[0])):
        yield Customer(
            account,
            payer,
            list(_subscriptions(rng, about, plans)),
            list(_overrides(rng, about)),
            list(_grants(rng, about, account, payer)),
        )


def _subscriptions(rng: Random, about: Circumstances, plans: list[Plan]) -> Iterator[Subscription]:
    """One plan after the other; one may end before the next begins, or after it."""
    starts = _instants(rng, about, 2)
    for place, start in enumerate(starts):
        end = near(rng, starts[place + 1], 60) if place + 1 < len(starts) else None
        is_ended = end is not None and end > start and rng.random() < 0.5
        yield Subscription(rng.choice(plans).plan_id, start, end if is_ended else None)


def _overrides(rng: Random, about: Circumstances) -> Iterator[DeckOverride]:
    if rng.random() < 0.3:
        end = near(rng, rng.choice(about.moments), HALF_HOUR_SECONDS)
        start = rng.choice([to_micros(LONG_AGO), end - 10**9])
        yield DeckOverride(rng.choice(about.deck_ids), start, rng.choice([None, end]))


def _grants(
    rng: Random, about: Circumstances, account: Account, payer: Account
) -> Iterator[BundleGrant]:
    for place in range(rng.choice([0, 0, 1, 2])):
        owner = rng.choice([account, payer])
        unit = rng.choice(list(BundleUnit))
        when = Condition(service=rng.choice(SERVICES))
        code = f"grant-{place}"
        allowance = random_bundle(rng, when, unit, code, account.currency)
        begin, end = (near(rng, rng.choice(about.moments), 300) for _ in range(2))
        yield BundleGrant(
            f"{owner.account_id}-{code}",
            owner.account_id,
            allowance,
            begin - rng.randint(2, 100) * HOUR_MICROS,
            end + rng.choice([0, 100]) * HOUR_MICROS,
        )

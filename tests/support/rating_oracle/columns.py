"""Whole batches of calls, priced together and one by one, to the last byte of their receipts."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import NamedTuple

from kernel.clock import to_micros
from services.rating.domain.account import Customer, Subscription
from services.rating.domain.bulk.call_batch import CallBatch, price_batch, usage_at
from services.rating.domain.counters import CounterBook
from services.rating.domain.plans.plan import BundleUnit, Measure, PlanRevision
from services.rating.domain.priced_call import PricedCall
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.tariffs.relation import LineNumber, NumberOwners
from tests.support.rating_oracle.agreement import Engine
from tests.support.rating_oracle.random_tenants import LONG_AGO, Scene, random_scene
from tests.support.rating_oracle.random_usage import DAY_MICROS, MINUTE_MS, random_usage
from tests.support.rating_oracle.tenant import Tenant, Usage

CALLS_PER_BATCH = 60
BATCHES_PER_TENANT = 2
STEADY_SHARE = 0.8
COUNTED_SHARE = 0.5
DAYS_AROUND = 30


class Call(NamedTuple):
    """A row of a batch."""

    usage: Usage
    customer: Customer
    routing_number: str


def check_random_batches(seed: int) -> int:
    """Price the batches of a random tenant both ways and compare; how many calls there were."""
    rng = Random(seed)
    scene = _scene(rng)
    engine, owners = Engine(scene.tenant), _owners(rng, scene)
    together, one_by_one = CounterBook(), CounterBook()
    for _ in range(BATCHES_PER_TENANT):
        calls = [_call(rng, scene) for _ in range(CALLS_PER_BATCH)]
        batch = _batch(calls)
        customers = {_key(call.customer): call.customer for call in calls}
        by_columns = price_batch(
            batch, customers, engine.tariff, engine.tables.__getitem__, together, owners=owners
        )
        by_rows = _one_by_one(engine, batch, calls, one_by_one, owners)
        for place, prices in enumerate(zip(by_columns, by_rows, strict=True)):
            assert prices[0] == prices[1], f"{prices[0]} is not {prices[1]}: {calls[place]}"
        assert together.states() == one_by_one.states()
    return CALLS_PER_BATCH * BATCHES_PER_TENANT


def _one_by_one(
    engine: Engine,
    batch: CallBatch,
    calls: Sequence[Call],
    book: CounterBook,
    owners: NumberOwners,
) -> list[PricedCall]:
    prices = []
    for place, call in enumerate(calls):
        usage = usage_at(batch, place, engine.tariff, None, owners)
        price = price_usage(usage, call.customer, engine.tariff, engine.tables.__getitem__, book)
        book.apply(price.counter_uses)
        prices.append(price)
    return prices


def _scene(rng: Random) -> Scene:
    """Mostly steady: only calls of one plan, whose counters count units, are priced by columns."""
    scene = random_scene(rng)
    is_steady = rng.random() < STEADY_SHARE
    return replace(scene, tenant=_steady(rng, scene.tenant)) if is_steady else scene


def _steady(rng: Random, tenant: Tenant) -> Tenant:
    """One plan for each customer, few counters; of half the tenants, nothing ever changes."""
    plan_ids = [plan.plan_id for plan in tenant.plans]
    counters = rng.random() < COUNTED_SHARE
    revisions = [_simple(each, counters) for each in tenant.revisions]
    versions = tenant.deck_versions
    if rng.random() < 0.5:
        revisions = [each for each in revisions if each.effective_time == LONG_AGO]
        versions = [each for each in versions if each.effective_time == LONG_AGO]
    customers = [
        replace(
            each,
            subscriptions=[Subscription(rng.choice(plan_ids), to_micros(LONG_AGO), None)],
            overrides=each.overrides if rng.random() < 0.2 else (),
            grants=(),
        )
        for each in tenant.customers
    ]
    return replace(tenant, revisions=revisions, deck_versions=versions, customers=customers)


def _simple(revision: PlanRevision, counters: bool) -> PlanRevision:
    """Without counters, or with those alone that count units, and with nothing after the price."""
    if not counters:
        return replace(revision, bundles=(), volume_tiers=())
    return replace(
        revision,
        bundles=tuple(each for each in revision.bundles if each.unit is BundleUnit.QUANTITY),
        volume_tiers=tuple(
            each for each in revision.volume_tiers if each.measure is not Measure.SPEND
        ),
        price_caps=(),
        minimum_charge_micros=0,
        duration_tiers=(),
    )


def _owners(rng: Random, scene: Scene) -> NumberOwners:
    payers = [customer.payer.account_id for customer in scene.tenant.customers]
    owned = {number: rng.choice(payers) for number in scene.numbers if rng.random() < 0.5}
    return NumberOwners(
        {number: [LineNumber(payer, payer, 0, None)] for number, payer in owned.items()}
    )


def _call(rng: Random, scene: Scene) -> Call:
    usage = random_usage(rng, scene)
    if rng.random() < 0.7:
        shift = rng.randint(-DAYS_AROUND, DAYS_AROUND) * DAY_MICROS
        usage = usage._replace(
            duration_ms=min(usage.duration_ms, 2 * MINUTE_MS),
            start_micros=usage.start_micros + shift,
            begin_micros=usage.begin_micros + shift,
        )
    routing_number = rng.choice(scene.numbers) if rng.random() < 0.1 else ""
    return Call(usage, rng.choice(scene.tenant.customers), routing_number)


def _key(customer: Customer) -> tuple[str, str]:
    return customer.account.account_id, customer.payer.account_id


def _batch(calls: Sequence[Call]) -> CallBatch:
    count = len(calls)
    usages = [call.usage for call in calls]
    return CallBatch(
        call_ids=[place.to_bytes(16) for place in range(count)],
        call_revisions=[1] * count,
        call_key_kinds=[1] * count,
        call_keys=[str(place) for place in range(count)],
        legs=["a"] * count,
        account_ids=[call.customer.account.account_id for call in calls],
        payer_account_ids=[call.customer.payer.account_id for call in calls],
        callers=[usage.facts.caller for usage in usages],
        callees=[usage.facts.number for usage in usages],
        callee_kinds=[int(usage.callee_kind) for usage in usages],
        starts_micros=[usage.start_micros for usage in usages],
        durations_ms=[usage.duration_ms for usage in usages],
        answered=[int(usage.answered) for usage in usages],
        begins_micros=[usage.begin_micros for usage in usages],
        services=[int(usage.service) for usage in usages],
        quantities=[usage.quantity for usage in usages],
        egress_trunks=[""] * count,
        routing_numbers=[call.routing_number for call in calls],
        parties=[1] * count,
        levels=[0] * count,
    )

"""Bundles: what a customer may use before anything is charged, and what a call takes of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from services.rating.domain.account import Customer, plan_in_force
from services.rating.domain.counter_periods import CounterCycle, Span
from services.rating.domain.counters import CounterBook, CounterKey, CounterState, CounterUse
from services.rating.domain.plans.plan import BundleAllowance, BundleUnit
from services.rating.domain.priced_call import Usage
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms


class Bundle(NamedTuple):
    """An allowance with the counter of one of its periods."""

    key: CounterKey
    allowance: BundleAllowance
    granted: int
    """What the period's counter holds when nothing was used of it yet."""
    usable_until_micros: int

    @property
    def order(self) -> tuple[int, int, str, int]:
        """By priority, then end of validity, then code, then age."""
        until, code = self.usable_until_micros, self.allowance.code
        return self.allowance.priority, until, code, self.key.period_start_micros


class BundleUse(NamedTuple):
    """What a call takes of a bundle."""

    bundle: Bundle
    use: CounterUse

    @property
    def taken(self) -> int:
        """Base units, or micros of a bundle of money."""
        return self.use.after.used - self.use.before.used


def bundles_of(
    usage: Usage, band: str, customer: Customer, governing: Terms, tariff: Tariff
) -> list[Bundle]:
    """Every bundle whose condition holds, in the order of use."""
    times = usage.start_micros, usage.counted_micros
    bundles = (
        bundle
        for bundle in open_bundles(*times, customer, governing, tariff)
        if bundle.allowance.when.holds_at(usage.facts, band)
    )
    return sorted(bundles, key=lambda bundle: bundle.order)


def open_bundles(
    start_micros: int, counted_micros: int, customer: Customer, governing: Terms, tariff: Tariff
) -> Iterator[Bundle]:
    """Every bundle that a usage of a time may use, whatever the conditions."""
    for allowance in governing.revision.bundles:
        yield from _of_plan(allowance, counted_micros, customer, governing, tariff)
    for grant in customer.grants:
        if grant.start_micros <= start_micros < grant.end_micros:
            place = grant.allowance.code, grant.start_micros, grant.end_micros
            yield _granted(grant.allowance, CounterKey(grant.account_id, grant.grant_id, *place))


def take(
    bundles: Iterable[Bundle], unit: BundleUnit, needed: int, counters: CounterBook
) -> list[BundleUse]:
    """Let bundles of a unit pay, each as far as it reaches."""
    uses = []
    for bundle in bundles:
        if needed and bundle.allowance.unit is unit:
            before = counters.state(bundle.key, bundle.granted)
            taken = min(before.left, needed)
            if taken:
                after = CounterState(before.granted, before.used + taken, before.spent_micros)
                uses.append(BundleUse(bundle, CounterUse(bundle.key, before, after)))
                needed -= taken
    return uses


def _granted(allowance: BundleAllowance, key: CounterKey) -> Bundle:
    return Bundle(key, allowance, allowance.quantity, key.period_end_micros)


def _of_plan(
    allowance: BundleAllowance,
    counted_micros: int,
    customer: Customer,
    governing: Terms,
    tariff: Tariff,
) -> Iterator[Bundle]:
    """The bundle of the period, and what may be left of those before it."""
    revision = governing.revision
    owner = customer.payer if allowance.shared else customer.account
    cycle = CounterCycle(allowance.period, customer.payer.cycle, revision.time_zone)
    period = cycle.period_at(counted_micros)

    def bundle(span: Span, granted: int, until: int) -> Bundle:
        key = CounterKey(owner.account_id, revision.plan_id, allowance.code, *span)
        return Bundle(key, allowance, granted, until)

    rollover = allowance.rollover_periods
    yield bundle(period, allowance.quantity, cycle.end_after(period, rollover))
    earlier = period
    for _ in range(rollover):
        earlier = cycle.before(earlier)
        granted = _granted_then(allowance.code, revision.plan_id, customer, tariff, earlier)
        if granted:
            yield bundle(earlier, granted, cycle.end_after(earlier, rollover))


def _granted_then(code: str, plan_id: str, customer: Customer, tariff: Tariff, period: Span) -> int:
    """What a bundle of the plan held in an earlier period; 0 when it was not subscribed to."""
    last = period.end_micros - 1
    if plan_in_force(customer.subscriptions, last) != plan_id:
        return 0
    terms = tariff.terms_at(plan_id, last)
    bundles = terms.revision.bundles if terms else ()
    return next((each.quantity for each in bundles if each.code == code), 0)

"""Bundles: which are open to a call, in what order, and how far they reach."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from services.rating.domain.plans.plan import BundleAllowance, BundleUnit
from tests.support.rating_oracle.counters import Changes, Count, Counters, Key
from tests.support.rating_oracle.local_time import Span

if TYPE_CHECKING:
    from tests.support.rating_oracle.prices import Call


class Payment(NamedTuple):
    """What bundles pay for."""

    quantity: int
    covers_connect_fee: bool
    changes: Changes


class _Pot(NamedTuple):
    """One bundle of one period, in the order of use."""

    priority: int
    valid_until: int
    code: str
    key: Key
    granted: int
    covers_connect_fee: bool


def pay(call: "Call", needed: int, counters: Counters, *, is_money: bool) -> Payment:
    """Take what is needed from the bundles that are open, one after the other."""
    paid, covers_connect_fee = 0, False
    changes: dict[Key, Count] = {}
    for pot in sorted(_open_pots(call, is_money)):
        count = counters.get(pot.key, Count(granted=pot.granted))
        taken = min(count.granted - count.used, needed - paid)
        if taken <= 0:
            continue
        covers_connect_fee |= paid == 0 and pot.covers_connect_fee
        paid += taken
        changes[pot.key] = Count(count.granted, taken)
    return Payment(paid, covers_connect_fee, changes)


def _open_pots(call: "Call", is_money: bool) -> Iterator[_Pot]:
    unit = BundleUnit.MONEY if is_money else BundleUnit.QUANTITY
    for allowance in call.governing.bundles:
        if allowance.unit == unit and call.holds_at_begin(allowance.when):
            yield from _pots_of_plan(call, allowance)
    for grant in call.customer.grants:
        allowance = grant.allowance
        is_open = grant.start_micros <= call.usage.start_micros < grant.end_micros
        if is_open and allowance.unit == unit and call.holds_at_begin(allowance.when):
            span = Span(grant.start_micros, grant.end_micros)
            key = Key(grant.account_id, grant.grant_id, allowance.code, *span)
            yield _pot(allowance, key, span.end, allowance.quantity)


def _pots_of_plan(call: "Call", allowance: BundleAllowance) -> Iterator[_Pot]:
    """The period's own, and those of earlier periods that still may be used."""
    ahead = [call.counter_span(allowance.period)]
    for _ in range(allowance.rollover_periods):
        ahead.append(call.counter_span(allowance.period, ahead[-1].end))
    yield _pot(allowance, _key(call, allowance, ahead[0]), ahead[-1].end, allowance.quantity)
    span = ahead[0]
    for age in range(1, allowance.rollover_periods + 1):
        span = call.counter_span(allowance.period, span.start - 1)
        granted = _granted_in(call, allowance.code, span)
        if granted is not None:
            valid_until = ahead[allowance.rollover_periods - age].end
            yield _pot(allowance, _key(call, allowance, span), valid_until, granted)


def _granted_in(call: "Call", code: str, span: Span) -> int | None:
    """What the plan gave in an earlier period; None unless it was subscribed to at its end."""
    last = span.end - 1
    plan_id = call.terms.plan_at(last)
    revision = call.tenant.revision_at(plan_id, last)
    if plan_id != call.governing.plan_id or revision is None:
        return None
    return next((each.quantity for each in revision.bundles if each.code == code), None)


def _key(call: "Call", allowance: BundleAllowance, span: Span) -> Key:
    owner = call.customer.payer if allowance.shared else call.customer.account
    return Key(owner.account_id, call.governing.plan_id, allowance.code, *span)


def _pot(allowance: BundleAllowance, key: Key, valid_until: int, granted: int) -> _Pot:
    fee = allowance.covers_connect_fee
    return _Pot(allowance.priority, valid_until, allowance.code, key, granted, fee)

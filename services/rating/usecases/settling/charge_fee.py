"""Charging a one-off fee of a plan, or the rent of a number, once for the caller's own id of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.period import Period
from services.rating.domain.account import plan_in_force
from services.rating.domain.charges.charge import CallKeyKind, ChargeKind, ChargeRevision
from services.rating.domain.errors import NO_PLAN, not_found, unrated
from services.rating.domain.fees.fee_prices import FeeTerms, PricedFee, did_rental, one_off_fee
from services.rating.domain.fees.recurring_fee import day_share
from services.rating.store.charges import newest_charges
from services.rating.usecases.settling.fee_charge import FeeIdentity, account_and_payer, record_fee
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.tariffs import Tariffs


class OneOffFee(NamedTuple):
    """A fee of the account's plan that falls due."""

    fee_id: str
    account_id: str
    code: str
    due_time: datetime


class DidRental(NamedTuple):
    """A number that is rented for a part of a billing period."""

    fee_id: str
    account_id: str
    number: str
    covered: Period


def charge_fee(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, fee: OneOffFee | DidRental
) -> ChargeRevision:
    """Charge a fee; one that is charged already answers its charge.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH, NO_PLAN, NO_RATE, NO_EXCHANGE_RATE,
            FEE_NOT_FOUND, INVALID_PERIOD.
    """
    pricing = CallPricing(uow, tariffs, tenant_id)
    _, payer = account_and_payer(pricing.bookings, fee.account_id)
    identity = _identity(fee)
    key = identity.charge_id(tenant_id, fee.account_id)
    known = newest_charges(uow.connection, tenant_id, [key])
    if known:
        return known[key]
    priced = _rental(pricing, fee) if isinstance(fee, DidRental) else _one_off(pricing, fee)
    booked = pricing.bookings.book(payer.account_id, identity.start_micros)
    return record_fee(uow, tenant_id, key, identity, payer.account_id, booked, priced)


def _identity(fee: OneOffFee | DidRental) -> FeeIdentity:
    is_rental = isinstance(fee, DidRental)
    start = fee.covered.start if isinstance(fee, DidRental) else fee.due_time
    return FeeIdentity(
        ChargeKind.DID_RENTAL if is_rental else ChargeKind.ONE_OFF_FEE,
        CallKeyKind.OTHER.value,
        fee.fee_id,
        "rental" if is_rental else "fee",
        fee.account_id,
        to_micros(start),
    )


def _one_off(pricing: CallPricing, fee: OneOffFee) -> PricedFee:
    """By the terms of the plan in force when it falls due."""
    customer = pricing.customer(fee.account_id)
    due = to_micros(fee.due_time)
    plan_id = plan_in_force(customer.subscriptions, due)
    terms = pricing.tariff.terms_at(plan_id, due) if plan_id else None
    if terms is None:
        raise unrated(NO_PLAN, account_id=fee.account_id)
    for known in terms.revision.fees:
        if known.code == fee.code:
            by = FeeTerms(terms, customer.account.currency, pricing.tariff, due)
            return one_off_fee(by, known)
    raise not_found("FEE", fee.code)


def _rental(pricing: CallPricing, fee: DidRental) -> PricedFee:
    """In proportion to the days of the payer's billing period; a begun day counts."""
    customer = pricing.customer(fee.account_id)
    cycle = customer.payer.cycle
    share = day_share(cycle.period_of(fee.covered.start), fee.covered, cycle.time_zone)
    instant = to_micros(fee.covered.start)
    return did_rental(fee.number, share, instant, customer, pricing.tariff, pricing.table)

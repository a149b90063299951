"""Charging a one-off fee of a plan, or the rent of a number, once for the caller's own id of it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.period import Period
from services.rating.domain.account import Customer
from services.rating.domain.charges.charge import CallKeyKind, ChargeKind, ChargeRevision
from services.rating.domain.errors import NO_PLAN, not_found, unrated
from services.rating.domain.fees.fee_prices import (
    DidRental,
    PricedFee,
    did_rental,
    one_off_fee,
    resold_did_rental,
)
from services.rating.domain.fees.recurring_fee import day_share
from services.rating.store.charges import newest_charges
from services.rating.usecases.settling.fee_charge import (
    FeeIdentity,
    PriceForReseller,
    account_and_payer,
    record_fee_of_parties,
    terms_of,
)
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.tariffs import Tariffs


class OneOffFee(NamedTuple):
    """A fee of the account's plan that falls due."""

    fee_id: str
    account_id: str
    code: str
    due_time: datetime


class RentedNumber(NamedTuple):
    """A number that is rented for a part of a billing period."""

    fee_id: str
    account_id: str
    number: str
    covered: Period


def charge_fee(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, fee: OneOffFee | RentedNumber
) -> ChargeRevision:
    """Charge a fee, to the customer and each reseller above; one that is known answers its charge.

    A reseller pays what its own plan has for it: a fee of the same code, a rate of its decks of
    numbers. Where it has none, its charge is nothing.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, CURRENCY_MISMATCH, NO_PLAN, NO_RATE, RATE_NOT_YET_VALID,
            NO_EXCHANGE_RATE, FEE_NOT_FOUND, INVALID_PERIOD.
    """
    pricing = CallPricing(uow, tariffs, tenant_id)
    _, payer = account_and_payer(pricing.bookings, fee.account_id)
    identity = _identity(fee)
    key = identity.charge_id(tenant_id)
    known = newest_charges(uow.connection, tenant_id, [key])
    if known:
        return known[key]
    if isinstance(fee, RentedNumber):
        priced, resold = _rental(pricing, fee)
    else:
        priced, resold = _one_off(pricing, fee)
    booked = pricing.bookings.book(payer.account_id, identity.start_micros)
    return record_fee_of_parties(pricing, identity, payer.account_id, booked, priced, resold)


def _identity(fee: OneOffFee | RentedNumber) -> FeeIdentity:
    is_rental = isinstance(fee, RentedNumber)
    start = fee.covered.start if isinstance(fee, RentedNumber) else fee.due_time
    return FeeIdentity(
        ChargeKind.DID_RENTAL if is_rental else ChargeKind.ONE_OFF_FEE,
        CallKeyKind.OTHER.value,
        fee.fee_id,
        "rental" if is_rental else "fee",
        fee.account_id,
        to_micros(start),
        is_key_of_account=True,
    )


def _one_off(pricing: CallPricing, fee: OneOffFee) -> tuple[PricedFee, PriceForReseller]:
    """By the terms of the plan in force when it falls due; of a reseller's, the fee of its code."""
    due = to_micros(fee.due_time)

    def of_plan(customer: Customer) -> PricedFee | None:
        by = terms_of(pricing, customer, due)
        for known in by.terms.revision.fees if by else ():
            if by and known.code == fee.code:
                return one_off_fee(by, known)
        return None

    customer = pricing.customer(fee.account_id)
    priced = of_plan(customer)
    if priced is not None:
        return priced, of_plan
    if terms_of(pricing, customer, due) is None:
        raise unrated(NO_PLAN, account_id=fee.account_id)
    raise not_found("FEE", fee.code)


def _rental(pricing: CallPricing, fee: RentedNumber) -> tuple[PricedFee, PriceForReseller]:
    """In proportion to the days of the payer's billing period; a begun day counts."""
    customer = pricing.customer(fee.account_id)
    cycle = customer.payer.cycle
    share = day_share(cycle.period_of(fee.covered.start), fee.covered, cycle.time_zone)
    rental = DidRental(fee.number, share, to_micros(fee.covered.start))

    def of_decks(reseller: Customer) -> PricedFee | None:
        return resold_did_rental(rental, reseller, pricing.tariff, pricing.table)

    return did_rental(rental, customer, pricing.tariff, pricing.table), of_decks

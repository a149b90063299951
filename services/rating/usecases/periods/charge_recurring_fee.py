"""Charging the fee of a subscription for a billing period."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.period import Period
from services.rating.domain.account import Account, Customer
from services.rating.domain.charges.charge import CallKeyKind, ChargeKind, ChargeRevision
from services.rating.domain.errors import invalid_field, not_found, precondition
from services.rating.domain.fees.fee_prices import (
    FeeTerms,
    PricedFee,
    recurring_fee,
    resold_fee,
)
from services.rating.domain.fees.recurring_fee import day_share
from services.rating.domain.plans.plan import Plan
from services.rating.domain.receipts import receipt
from services.rating.store.charges import newest_charges
from services.rating.store.plans import plan_of
from services.rating.usecases.settling.booking import Booked, Bookings
from services.rating.usecases.settling.fee_charge import (
    FeeIdentity,
    PriceForReseller,
    account_and_payer,
    record_fee_of_parties,
    terms_of,
)
from services.rating.usecases.settling.price_calls import CallPricing
from services.rating.usecases.tariffs import Tariffs

# Within them every zone's calendar has the period.
FIRST_YEAR, LAST_YEAR = 1970, 9999


@dataclass(frozen=True, slots=True)
class RecurringFee:
    """What is to be charged."""

    subscription_id: str
    account_id: str
    plan_id: str
    period: Period
    covered: Period
    """The part of the period that the subscription covers."""


def charge_recurring_fee(
    uow: UnitOfWork, tariffs: Tariffs, tenant_id: str, fee: RecurringFee
) -> ChargeRevision:
    """Charge a fee once: by the terms in force when the covered part begins.

    Each reseller above pays what its own plan names for a subscription to this one, or nothing.

    Raises:
        DomainError: PLAN_NOT_FOUND, UNKNOWN_ACCOUNT, CURRENCY_MISMATCH, NO_EXCHANGE_RATE,
            PERIOD_SEALED, INVALID_PERIOD.
    """
    connection = uow.connection
    if not FIRST_YEAR < fee.period.start.year < LAST_YEAR:
        raise invalid_field("INVALID_PERIOD", "billing_period", "no account has had such a period")
    pricing = CallPricing(uow, tariffs, tenant_id)
    _, payer = account_and_payer(pricing.bookings, fee.account_id)
    identity = _identity(fee, payer)
    key = identity.charge_id(tenant_id)
    known = newest_charges(connection, tenant_id, [key])
    if known:
        return known[key]
    plan = plan_of(connection, tenant_id, fee.plan_id)
    if plan is None:
        raise not_found("PLAN", fee.plan_id)
    booked = _booked(pricing.bookings, payer, fee.period)
    priced, resold = _prices(pricing, plan, payer, fee)
    return record_fee_of_parties(pricing, identity, payer.account_id, booked, priced, resold)


def _identity(fee: RecurringFee, payer: Account) -> FeeIdentity:
    # The leg is the first day of the period, as the payer's calendar shows it.
    first_day = fee.period.start.astimezone(ZoneInfo(payer.cycle.time_zone)).date()
    return FeeIdentity(
        ChargeKind.RECURRING_FEE,
        CallKeyKind.SUBSCRIPTION.value,
        fee.subscription_id,
        first_day.isoformat(),
        fee.account_id,
        to_micros(fee.period.start),
    )


def _booked(bookings: Bookings, payer: Account, period: Period) -> Booked:
    booked = bookings.book(payer.account_id, to_micros(period.start))
    if booked.correction:
        raise precondition(
            "PERIOD_SEALED",
            f"the period from {period.start.isoformat()} is sealed; charge the fee in the next one",
            period_start=period.start.isoformat(),
        )
    if (booked.start, booked.end) != (to_micros(period.start), to_micros(period.end)):
        raise invalid_field(
            "INVALID_PERIOD", "billing_period", "it is not a period of the account's cycle"
        )
    return booked


def _prices(
    pricing: CallPricing, plan: Plan, payer: Account, fee: RecurringFee
) -> tuple[PricedFee, PriceForReseller]:
    """By the terms in force when the covered part begins; without terms there is no fee."""
    instant = to_micros(fee.covered.start)
    share = day_share(fee.period, fee.covered, payer.cycle.time_zone)
    terms = pricing.tariff.terms_at(plan.plan_id, instant)
    if terms is None:
        price = PricedFee(payer.currency, 0, receipt.no_fee(payer.currency))
    else:
        by = FeeTerms(terms, fee.account_id, payer.currency, pricing.tariff, instant)
        price = recurring_fee(by, share)

    def of_reseller(reseller: Customer) -> PricedFee | None:
        by = terms_of(pricing, reseller, instant)
        resold = resold_fee(by, plan.plan_id, share) if by else None
        return resold and resold._replace(usage_line=plan.display_name)

    return price._replace(usage_line=plan.display_name), of_reseller

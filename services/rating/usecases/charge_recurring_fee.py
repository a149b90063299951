"""Charging the fee of a subscription for a billing period."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.period import Period
from services.rating.domain import receipt
from services.rating.domain.account import Account
from services.rating.domain.charge import (
    NO_EVENT,
    CallKeyKind,
    ChargeKind,
    ChargeRevision,
    Party,
    charge_id,
)
from services.rating.domain.errors import (
    UNKNOWN_ACCOUNT,
    currency_mismatch,
    invalid_field,
    not_found,
    precondition,
    unrated,
)
from services.rating.domain.fees import FeeTerms, PricedFee, recurring_fee
from services.rating.domain.plan import Plan
from services.rating.domain.recurring_fee import day_share
from services.rating.domain.settlement import InputKind, Outcome
from services.rating.domain.tariff import Tariff
from services.rating.store.accounts import Lock
from services.rating.store.charges import newest_charges
from services.rating.store.plans import plan_of
from services.rating.usecases.booking import Bookings
from services.rating.usecases.charge_events import Settlement, record_settlements
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

    Raises:
        DomainError: PLAN_NOT_FOUND, UNKNOWN_ACCOUNT, CURRENCY_MISMATCH, PERIOD_SEALED,
            INVALID_PERIOD.
    """
    connection = uow.connection
    if not FIRST_YEAR < fee.period.start.year < LAST_YEAR:
        raise invalid_field("INVALID_PERIOD", "billing_period", "no account has had such a period")
    bookings = Bookings(uow, tenant_id)
    account = _account(bookings, fee.account_id)
    payer = _account(bookings, account.payer_account_id)
    key = _charge_id(tenant_id, fee, payer)
    known = newest_charges(connection, tenant_id, [key])
    if known:
        return known[key]
    plan = plan_of(connection, tenant_id, fee.plan_id)
    if plan is None:
        raise not_found("PLAN", fee.plan_id)
    if not plan.currency == account.currency == payer.currency:
        raise currency_mismatch(f"plan {plan.code!r}", payer.currency, plan.currency)
    _check_period(bookings, payer, fee.period)
    priced = _price(tariffs.current(connection, tenant_id), plan, payer, fee)
    charge = _charge(uow, tenant_id, key, fee, payer, priced)
    record_settlements(uow, tenant_id, [Settlement(charge)])
    return charge


def _account(bookings: Bookings, account_id: str) -> Account:
    # Alone: what is charged once is looked up and charged by one at a time.
    bookings.hold({account_id}, Lock.UPDATE)
    if account_id not in bookings.accounts:
        raise unrated(UNKNOWN_ACCOUNT, account_id=account_id)
    return bookings.accounts[account_id]


def _charge_id(tenant_id: str, fee: RecurringFee, payer: Account) -> bytes:
    return charge_id(
        fee.period.start,
        tenant_id,
        CallKeyKind.SUBSCRIPTION.value,
        fee.subscription_id,
        _leg(fee, payer),
        str(Party.CUSTOMER.value),
    )


def _leg(fee: RecurringFee, payer: Account) -> str:
    """The first day of the period, as the payer's calendar shows it."""
    return fee.period.start.astimezone(ZoneInfo(payer.cycle.time_zone)).date().isoformat()


def _check_period(bookings: Bookings, payer: Account, period: Period) -> None:
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


def _price(tariff: Tariff, plan: Plan, payer: Account, fee: RecurringFee) -> PricedFee:
    """The fee by the terms in force when the covered part begins; without terms there is none."""
    instant = to_micros(fee.covered.start)
    terms = tariff.terms_at(plan.plan_id, instant)
    if terms is None:
        price = PricedFee(payer.currency, 0, receipt.no_fee(payer.currency))
    else:
        share = day_share(fee.period, fee.covered, payer.cycle.time_zone)
        price = recurring_fee(FeeTerms(terms, payer.currency, tariff, instant), share)
    return price._replace(usage_line=plan.display_name)


def _charge(
    uow: UnitOfWork,
    tenant_id: str,
    key: bytes,
    fee: RecurringFee,
    payer: Account,
    priced: PricedFee,
) -> ChargeRevision:
    outcome = Outcome.RATED if priced.amount_micros else Outcome.ZERO
    return ChargeRevision(
        charge_id=key,
        revision=1,
        tenant_id=tenant_id,
        kind=ChargeKind.RECURRING_FEE.value,
        party=Party.CUSTOMER.value,
        call_key_kind=CallKeyKind.SUBSCRIPTION.value,
        call_key=fee.subscription_id,
        leg=_leg(fee, payer),
        call_id=None,
        call_revision=0,
        source=InputKind.SCHEDULE.value,
        account_id=fee.account_id,
        payer_account_id=payer.account_id,
        outcome=outcome.value,
        unrated_reason="",
        currency=priced.currency,
        amount_micros=priced.amount_micros,
        amount_delta_micros=priced.amount_micros,
        usage_line=priced.usage_line,
        prefix="",
        period_start=to_micros(fee.period.start),
        period_end=to_micros(fee.period.end),
        correction=0,
        start_time=to_micros(fee.period.start),
        duration_ms=0,
        charged_ms=0,
        receipt=priced.receipt,
        settle_time=to_micros(uow.now),
        opened_partition=NO_EVENT[0],
        opened_sequence=NO_EVENT[1],
    )

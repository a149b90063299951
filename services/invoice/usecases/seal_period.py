"""The first half of closing: fees charged, the period sealed by rating, the next one open."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.account import Account, PaymentMode, Subscription
from services.invoice.domain.billing_period import BillingPeriod, PeriodState, Seal
from services.invoice.domain.errors import (
    account_is_paid_by_another,
    no_tax_rate,
    period_not_oldest,
    period_not_over,
)
from services.invoice.store import directory, periods, subscriptions
from services.invoice.usecases.load import load_account


@dataclass(frozen=True, slots=True)
class Closing:
    """What is asked for: to close an account's period, the oldest unless its start is given."""

    tenant_id: str
    account_id: str
    start: datetime | None
    request_id: str


def find_closable_period(connection: Connection, closing: Closing, now: datetime) -> BillingPeriod:
    """The period that is to be closed; it may be so already, if it is named or was asked before.

    Raises ACCOUNT_NOT_FOUND, ACCOUNT_IS_PAID_BY_ANOTHER, PERIOD_NOT_OLDEST, PERIOD_NOT_OVER,
    NO_TAX_RATE.
    """
    tenant_id, account_id, start = closing.tenant_id, closing.account_id, closing.start
    account = load_account(connection, tenant_id, account_id)
    if not account.is_payer:
        raise account_is_paid_by_another(account_id, account.payer_account_id)
    named = start and periods.find_period(connection, tenant_id, account_id, start)
    if named and named.state.is_closed:
        return named
    request_id = closing.request_id
    if begun := periods.find_period_of_request(connection, tenant_id, account_id, request_id):
        return begun
    period = periods.find_oldest_open(connection, tenant_id, account_id)
    assert period is not None, "every close opens the next period"
    if start is not None and start != period.span.start:
        raise period_not_oldest(start, period.span.start)
    if now < period.span.end:
        raise period_not_over(period.span.end)
    if account.payment_mode is PaymentMode.POSTPAID:
        _require_tax_rate(connection, tenant_id, account, period.span.end)
    return period


def fees_due(connection: Connection, tenant_id: str, period: BillingPeriod) -> list[Subscription]:
    """The subscriptions whose fee belongs to a period: the payer's and of those it pays for."""
    return subscriptions.subscriptions_paid_by(
        connection, tenant_id, period.account_id, period.span
    )


def store_seal(uow: UnitOfWork, closing: Closing, period: BillingPeriod, seal: Seal) -> None:
    """Note the seal and open the next period; nothing happens when that was done before."""
    tenant_id = closing.tenant_id
    account = load_account(uow.connection, tenant_id, period.account_id)
    key = (period.account_id, period.span)
    [locked] = periods.lock_periods(uow.connection, tenant_id, [key])
    if locked.state is not PeriodState.OPEN:
        return
    sealed = replace(
        locked, state=PeriodState.SEALED, seal=seal, close_request_id=closing.request_id
    )
    periods.update_period(uow.connection, tenant_id, sealed)
    following = account.cycle.period_after(period.span)
    periods.ensure_periods(uow.connection, tenant_id, [(period.account_id, following)])


def _require_tax_rate(
    connection: Connection, tenant_id: str, account: Account, period_end: datetime
) -> None:
    """Ask before anything is sealed: a missing rate is easily added now."""
    entity = directory.find_legal_entity(connection, tenant_id, account.legal_entity_id)
    assert entity is not None, "accounts are only made for legal entities that are there"
    if directory.find_tax_rate(connection, tenant_id, entity.country_code, period_end) is None:
        raise no_tax_rate(entity.country_code, period_end)

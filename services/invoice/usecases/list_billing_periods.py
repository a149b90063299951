"""Billing periods with the usage that they hold so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from chassis.database.pages import Page, PageRequest
from services.invoice.domain.billing_period import (
    BillingPeriod,
    PeriodState,
    UsageSum,
    period_key,
)
from services.invoice.store import accounts, periods, usage


@dataclass(frozen=True, slots=True)
class PeriodUsage:
    """A period, what it holds, and the currency of its account."""

    period: BillingPeriod
    usage: UsageSum
    currency: str


def list_billing_periods(
    connection: Connection,
    tenant_id: str,
    account_id: str,
    state: PeriodState | None,
    request: PageRequest,
) -> Page[PeriodUsage]:
    """A page of periods by account and start."""
    page = periods.list_periods(connection, tenant_id, account_id, state, request)
    return Page(with_usage(connection, tenant_id, page.items), page.next_after)


def with_usage(
    connection: Connection, tenant_id: str, found: Sequence[BillingPeriod]
) -> list[PeriodUsage]:
    """Periods with their usage, summed from its rows."""
    payers = accounts.find_accounts(connection, tenant_id, {each.account_id for each in found})
    keys = [period_key(tenant_id, each.account_id, each.span.start) for each in found]
    sums = usage.usage_sums(connection, tenant_id, keys)
    return [
        PeriodUsage(period, sums.get(key, UsageSum()), payers[period.account_id].currency)
        for period, key in zip(found, keys, strict=True)
    ]

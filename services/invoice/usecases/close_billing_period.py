"""Closing a period: steps at rating between transactions, each harmless when repeated.

Whatever step a crash interrupts, asking again goes through them all: fees and seal are requests
with derived ids that rating answers as it did the first time, and what is stored is stored once.
"""

from chassis.database.engine import Database
from kernel.clock import utc_now
from services.invoice.domain.billing_period import BillingPeriod, PeriodState
from services.invoice.usecases.rating import Rating
from services.invoice.usecases.seal_period import (
    Closing,
    fees_due,
    find_closable_period,
    store_seal,
)


async def seal_oldest_period(database: Database, rating: Rating, closing: Closing) -> BillingPeriod:
    """Charge the fees of the oldest open period and seal it; it can then be completed.

    Raises ACCOUNT_NOT_FOUND, ACCOUNT_IS_PAID_BY_ANOTHER, PERIOD_NOT_OLDEST, PERIOD_NOT_OVER,
    NO_TAX_RATE, and what rating raises.
    """
    tenant_id = closing.tenant_id
    period = await database.read(
        lambda connection: find_closable_period(connection, closing, utc_now())
    )
    if period.state is not PeriodState.OPEN:
        return period
    due = await database.read(lambda connection: fees_due(connection, tenant_id, period))
    for subscription in due:
        covered = subscription.validity.part_of(period.span)
        if covered is not None:
            await rating.charge_fee(tenant_id, subscription, period.span, covered)
    seal = await rating.seal(tenant_id, closing.account_id, period.span)
    await database.write(lambda uow: store_seal(uow, closing, period, seal))
    return period

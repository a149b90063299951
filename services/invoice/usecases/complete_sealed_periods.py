"""Looks at every sealed period, so that none waits for an event that has come already."""

import logging
from functools import partial

from chassis.database.engine import Database
from chassis.database.pages import PageRequest
from services.invoice.domain.billing_period import BillingPeriod
from services.invoice.store import periods
from services.invoice.store.vault import Vault
from services.invoice.usecases.complete_period import complete_period

PERIODS_A_READ = 200

_logger = logging.getLogger(__name__)


async def complete_sealed_periods(database: Database, vault: Vault) -> None:
    """Close each sealed period whose usage is complete, one a transaction."""
    request = PageRequest(PERIODS_A_READ)
    while True:
        page = await database.read(partial(periods.sealed_periods, request=request))
        for tenant_id, period in page.items:
            await _complete(database, vault, tenant_id, period)
        if page.next_after is None:
            return
        request = PageRequest(PERIODS_A_READ, page.next_after)


async def _complete(
    database: Database, vault: Vault, tenant_id: str, period: BillingPeriod
) -> None:
    closed = await database.write(lambda uow: complete_period(uow, vault, tenant_id, period))
    if closed.state.is_closed:
        _logger.info(
            "period of account %s from %s is %s",
            closed.account_id,
            closed.span.start.isoformat(),
            closed.state.name,
        )

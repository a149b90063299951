"""Makes ready what the first calls after a start would wait for, before any is let in.

Statements are compiled when they are first executed, tariffs read and decks opened when a call
first needs them: all together several times what a call takes.
"""

from __future__ import annotations

import asyncio
import logging
import time

from chassis.database.engine import DATABASE_ERRORS, Database
from services.rating.store.accounts import any_account_id
from services.rating.store.tariff_numbers import tenants_with_tariffs
from services.rating.usecases.charging.charging_memory import ChargingMemory
from services.rating.usecases.quoting.pricing_memory import PricingMemory

# A start takes no longer for it; what is not ready by then is made when it is needed.
WARM_UP_SECONDS_MAX = 1.0
TENANTS_MAX = 100

_logger = logging.getLogger(__name__)


async def warm_up(
    database: Database,
    memory: PricingMemory,
    settings: ChargingMemory,
    seconds: float = WARM_UP_SECONDS_MAX,
) -> None:
    """Have in memory what calls of tenants are priced with, as far as there is time."""
    begin, count = time.monotonic(), 0
    try:
        async with asyncio.timeout(seconds):
            for tenant_id in await database.read(lambda c: tenants_with_tariffs(c, TENANTS_MAX)):
                count += await _warm_tenant(tenant_id, database, memory, settings)
    except TimeoutError:
        _logger.info("not all tenants are in memory yet; the first call of each takes longer")
    except DATABASE_ERRORS:
        _logger.warning("nothing is in memory yet; first calls take longer", exc_info=True)
    _logger.info("%d tenants are in memory after %.2f s", count, time.monotonic() - begin)


async def _warm_tenant(
    tenant_id: str, database: Database, memory: PricingMemory, settings: ChargingMemory
) -> bool:
    """Whether a tenant is in memory now; one that cannot be read stops no other."""
    try:
        await settings.prepare(tenant_id)
        account_id = await database.read(lambda c: any_account_id(c, tenant_id))
        # Whoever it is: every other account is read by the same statements.
        await memory.basis(tenant_id, [account_id] if account_id else [])
        await memory.open_decks(tenant_id)
    except DATABASE_ERRORS:
        raise
    except Exception:
        _logger.exception("tenant %s cannot be taken into memory", tenant_id)
        return False
    return True

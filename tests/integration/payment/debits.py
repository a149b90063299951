"""Debits, and how they are settled, for the tests of payment's gateways."""

from collections.abc import Awaitable, Callable
from typing import Any

from kernel.money import MICROS_PER_UNIT, Money
from services.payment.domain.collections.gateway import (
    Debit,
    GatewayUnavailable,
    Settlement,
    SettlementState,
)
from services.payment.gateways.stripe import StripeGateway
from tests.support.sandbox_gateway import TENANT

TWENTY = Money("EUR", 20 * MICROS_PER_UNIT)
SUCCEEDED = Settlement(SettlementState.SUCCEEDED, TWENTY)
PENDING = Settlement(SettlementState.PENDING)
DAY_SECONDS = 24 * 3600
ATTEMPTS_MAX = 50


def debit(
    method: str = "pm_card_visa",
    amount: Money = TWENTY,
    customer: str = "cus_anna",
    collection: str = "c-1",
) -> Debit:
    """A debit of the tenant's; two of one collection are the same."""
    return Debit(TENANT, collection, amount, customer, method, "Top-up of A-1002")


async def settled(client: StripeGateway, asked: Debit) -> Settlement:
    return await client.settle(TENANT, await client.prepare(asked))


async def chased(ask: Callable[[], Awaitable[Any]]) -> Any:
    """The outcome, asked for until it is known, as the collector does."""
    for _ in range(ATTEMPTS_MAX):
        try:
            return await ask()
        except GatewayUnavailable:
            continue
    raise AssertionError(f"still unknown after {ATTEMPTS_MAX} attempts")

"""Quotes a call that has not happened: for a duration, or for what a sum of money buys."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from kernel.clock import MS_PER_SECOND
from kernel.e164 import NumberKind
from kernel.errors import DomainError
from kernel.money import Money
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.errors import currency_mismatch, invalid_field
from services.rating.domain.priced_call import PricedCall
from services.rating.domain.pricing.budget import Affordable, longest_usage
from services.rating.domain.pricing.price_over_time import PriceOverTime, price_over_time
from services.rating.domain.pricing.price_usage import price_by_length
from services.rating.domain.quantity import CALL_DURATION_SECONDS_MAX
from services.rating.usecases.quoting.planned_call import PlannedCall
from services.rating.usecases.quoting.pricing_memory import PricingBasis, PricingMemory
from services.rating.usecases.quoting.quote_calls import Quotes


class CallQuote(NamedTuple):
    """What a call would cost."""

    price: PricedCall
    granted_ms: int
    over_time: PriceOverTime | None
    """None for what is free whatever the plan."""


class CallQuotes:
    """Quotes calls of any tenant."""

    def __init__(self, memory: PricingMemory, quotes: Quotes) -> None:
        self._memory = memory
        self._quotes = quotes

    async def for_duration(self, tenant_id: str, call: PlannedCall) -> CallQuote:
        """What the call costs.

        Raises:
            DomainError: see Quotes.price.
        """
        basis, price = await self._price(tenant_id, call)
        over_time = await self._over_time(tenant_id, basis, call)
        return CallQuote(price, call.duration_ms, over_time)

    async def for_budget(self, tenant_id: str, call: PlannedCall, budget: Money) -> CallQuote:
        """How long the call may last for this money, in whole seconds, and what that costs.

        Raises:
            DomainError: INVALID_AMOUNT, CURRENCY_MISMATCH; see Quotes.price.
        """
        if budget.micros < 0:
            raise invalid_field("INVALID_AMOUNT", "budget", "it is below nothing")
        longest = _lasting(call, CALL_DURATION_SECONDS_MAX)
        basis, price = await self._price(tenant_id, longest)
        if price.currency != budget.currency:
            raise currency_mismatch("the budget", price.currency, budget.currency)
        granted = CALL_DURATION_SECONDS_MAX
        if price.amount_micros > budget.micros:
            granted, price = await self._longest(tenant_id, basis, call, budget)
        if not granted:
            price = price._replace(outcome=Outcome.ZERO, amount_micros=0, charged_quantity=0)
        over_time = await self._over_time(tenant_id, basis, call)
        return CallQuote(price, granted * MS_PER_SECOND, over_time)

    async def _price(self, tenant_id: str, call: PlannedCall) -> tuple[PricingBasis, PricedCall]:
        basis, [quote] = await self._quotes.priced(tenant_id, [call], with_receipts=False)
        if isinstance(quote, DomainError):
            raise quote
        return basis, quote

    async def _longest(
        self, tenant_id: str, basis: PricingBasis, call: PlannedCall, budget: Money
    ) -> Affordable:
        """The most whole seconds that the budget pays for, all priced with the same counters."""
        customer, tariff = basis.customers[call.account_id].customer, basis.tariff
        owners = await self._quotes.owners(tenant_id, basis, [call])
        counters = await self._quotes.counters(tenant_id, basis, [call], owners)
        usage = call.usage(customer, tariff, owners)

        def work(table_of: Callable[[str], PrefixTable]) -> Affordable:
            price = price_by_length(usage, customer, tariff, table_of)
            return longest_usage(
                budget.micros, usage, lambda each: price(each.duration_ms, counters)
            )

        return await self._memory.with_tables(tenant_id, work)

    async def _over_time(
        self, tenant_id: str, basis: PricingBasis, call: PlannedCall
    ) -> PriceOverTime | None:
        if call.callee.kind is NumberKind.EMERGENCY:
            return None
        customer, tariff = basis.customers[call.account_id].customer, basis.tariff
        owners = await self._quotes.owners(tenant_id, basis, [call])
        usage = call.usage(customer, tariff, owners)
        return await self._memory.with_tables(
            tenant_id, lambda table_of: price_over_time(usage, customer, tariff, table_of)
        )


def _lasting(call: PlannedCall, seconds: int) -> PlannedCall:
    return replace(call, duration_ms=seconds * MS_PER_SECOND)

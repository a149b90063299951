"""Routes calls: the selling price, each supplier's rate, and the order between them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from fractions import Fraction
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from kernel.clock import to_micros
from kernel.e164 import NumberKind
from kernel.errors import DomainError
from services.rating.domain.account import Customer
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.errors import (
    CURRENCY_MISMATCH,
    NO_EXCHANGE_RATE,
    NO_PLAN,
    UNKNOWN_ACCOUNT,
    account_blocked,
    no_exchange_rate,
    unrated,
)
from services.rating.domain.plans.conditions import CallFacts, Relation
from services.rating.domain.priced_call import NoPriceError, Usage
from services.rating.domain.pricing.conversions import Conversions
from services.rating.domain.pricing.rate_search import RateSearch
from services.rating.domain.pricing.segments import segments_of
from services.rating.domain.routing import (
    Offer,
    RouteOrder,
    Routing,
    Sale,
    Wish,
    choose_routes,
)
from services.rating.domain.tariffs.relation import NO_NUMBERS, NumberOwners
from services.rating.domain.tariffs.supplier import Supplier
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.usage import Service
from services.rating.store.customers import KnownCustomer
from services.rating.store.line_numbers import number_owners
from services.rating.usecases.parties import supplier_customer
from services.rating.usecases.quoting.pricing_memory import PricingBasis, PricingMemory

_MINUTE_MS = 60_000


class CallToRoute(NamedTuple):
    """A call that looks for a supplier."""

    callee: str
    caller: str
    routing_number: str
    """Empty when the callee is not ported."""
    account_id: str
    """Empty when it is not known who calls."""
    start_time: datetime
    order: RouteOrder
    route_count: int
    currency: str
    """In which prices are compared; empty for the account's, else the first supplier's."""
    call_key: str

    @property
    def start_micros(self) -> int:
        """When it starts, in microseconds since 1970."""
        return to_micros(self.start_time)


class RoutedCall(NamedTuple):
    """The routes of a call, and what they were chosen by."""

    routing: Routing
    wish: Wish
    selling_nanos: Fraction | None
    """What the account pays for a minute, in the currency of comparison."""


class Routes:
    """Routes calls of any tenant, from memory."""

    def __init__(self, memory: PricingMemory) -> None:
        self._memory = memory

    async def route(self, tenant_id: str, call: CallToRoute) -> RoutedCall:
        """The suppliers of a call, in order; the database is asked before it is refused.

        Raises:
            DomainError: those of `route_call`.
        """
        account_ids = [call.account_id] if call.account_id else []
        basis = await self._memory.basis(tenant_id, account_ids)
        try:
            return await self._attempt(tenant_id, call, basis)
        except DomainError:
            confirmed = await self._memory.confirmed(tenant_id, basis, account_ids)
            return await self._attempt(tenant_id, call, confirmed)

    async def _attempt(self, tenant_id: str, call: CallToRoute, basis: PricingBasis) -> RoutedCall:
        owners = NO_NUMBERS
        if call.account_id and basis.tariff.has_relations:
            numbers = [call.callee]
            owners = await self._memory.read(
                partial(number_owners, tenant_id=tenant_id, numbers=numbers)
            )
        caller = basis.customers.get(call.account_id)
        return await self._memory.with_tables(
            tenant_id,
            lambda table_of: route_call(call, basis.tariff, caller, table_of, owners),
        )


def route_call(
    call: CallToRoute,
    tariff: Tariff,
    caller: KnownCustomer | None,
    table_of: Callable[[str], PrefixTable],
    owners: NumberOwners,
) -> RoutedCall:
    """The suppliers that can end a call, in order.

    Raises:
        DomainError: MARGIN_BELOW_FLOOR; UNKNOWN_ACCOUNT, ACCOUNT_BLOCKED, NO_PLAN, NO_RATE,
            RATE_NOT_YET_VALID, NO_EXCHANGE_RATE, CURRENCY_MISMATCH of a call that names one.
    """
    conversions = Conversions(tariff.exchange, call.start_micros)
    suppliers = sorted(tariff.suppliers.at(call.start_micros), key=attrgetter("code"))
    currency, sale = call.currency or (suppliers[0].currency if suppliers else ""), None
    if call.account_id:
        customer = _customer(call, caller)
        currency = call.currency or customer.account.currency
        relation = owners.relation(customer.payer.account_id, call.callee, call.start_micros)
        usage = _minute(call, tariff, relation)
        sale = _sale(call, RateSearch(usage, customer, tariff, table_of), conversions)
    wish = Wish(call.order, call.route_count, currency, call.call_key, sale)
    selling = None if sale is None else _selling_nanos(sale, currency, call, conversions)
    minute = _minute(call, tariff, Relation.OFF_NET)
    offers = [_offer(supplier, minute, tariff, table_of) for supplier in suppliers]
    return RoutedCall(choose_routes(offers, wish, conversions), wish, selling)


def _customer(call: CallToRoute, caller: KnownCustomer | None) -> Customer:
    """Who calls, and may."""
    if caller is None:
        raise unrated(UNKNOWN_ACCOUNT, account_id=call.account_id)
    if caller.block_reason is not None:
        raise account_blocked(call.account_id, caller.block_reason)
    customer = caller.customer
    if customer.account.currency != customer.payer.currency:
        raise unrated(CURRENCY_MISMATCH, account_id=call.account_id)
    return customer


def _minute(call: CallToRoute, tariff: Tariff, relation: Relation) -> Usage:
    """A minute of the call."""
    number = call.routing_number or call.callee
    jurisdiction = tariff.numbering.jurisdiction(call.caller, number)
    facts = CallFacts(Service.VOICE, call.caller, number, relation, jurisdiction)
    start = call.start_micros
    return Usage(Service.VOICE, start, start, _MINUTE_MS, 0, True, NumberKind.E164, facts)


def _sale(call: CallToRoute, search: RateSearch, conversions: Conversions) -> Sale:
    """What the account pays for a minute when the call starts, without bundles and volume tiers."""
    governing = search.terms_at(call.start_micros)
    if governing is None:
        raise unrated(NO_PLAN, account_id=call.account_id)
    first = search.first(governing)
    if first is None:
        raise unrated(search.why_none(), account_id=call.account_id, callee=call.callee)
    facts = search.usage.facts
    try:
        [second] = segments_of([(0, first)], 0, 1, facts, governing, conversions)
    except NoPriceError:
        raise unrated(NO_EXCHANGE_RATE, account_id=call.account_id) from None
    floor = governing.revision.margin_floor_millionths
    return Sale(second.price, governing.currency, floor)


def _selling_nanos(
    sale: Sale, currency: str, call: CallToRoute, conversions: Conversions
) -> Fraction:
    try:
        return Fraction(*conversions.convert(sale.price_nanos, sale.currency, currency))
    except NoPriceError:
        moment = call.start_time.isoformat()
        raise no_exchange_rate("the selling price", sale.currency, currency, moment) from None


def _offer(
    supplier: Supplier, minute: Usage, tariff: Tariff, table_of: Callable[[str], PrefixTable]
) -> Offer:
    """What a supplier asks for the number, found as its charge for the call would be."""
    customer = supplier_customer(supplier.supplier_id, tariff)
    search = RateSearch(minute, customer, tariff, table_of)
    terms = search.terms_at(minute.start_micros)
    first = search.first(terms) if terms is not None and supplier.enabled else None
    return Offer(supplier, first.found) if first else Offer(supplier, None, search.why_none())

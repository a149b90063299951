"""Pricing a batch of calls, in their order: each may find counters moved by those before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import repeat

import numpy as np

from kernel.e164 import NumberKind
from services.rating.domain.account import Customer
from services.rating.domain.allowances.needed_counters import Times, counters_over_time
from services.rating.domain.bulk.bulk_pricing import Bulk, price_bulk
from services.rating.domain.bulk.column_group import Bools
from services.rating.domain.bulk.pricing_columns import CallColumns
from services.rating.domain.counters import CounterBook, CounterKey
from services.rating.domain.decks.prefix_table import PrefixTable, padded_columns
from services.rating.domain.errors import UNKNOWN_ACCOUNT
from services.rating.domain.plans.conditions import CallFacts
from services.rating.domain.priced_call import PricedCall, Usage, unrated
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.tariffs.relation import NO_NUMBERS, NumberOwners
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.usage import Service

__all__ = [
    "CallBatch",
    "CustomerKey",
    "PricedCall",
    "needed_counters",
    "price_batch",
    "usage_at",
]

# Fewer calls are priced sooner one by one.
BULK_CALLS_MIN = 8
UNKNOWN = -1

CustomerKey = tuple[str, str]
"""The ids of an account and of who pays for it."""


@dataclass(frozen=True, slots=True)
class CallBatch:
    """Calls as columns, a place a call."""

    call_ids: Sequence[bytes]
    call_revisions: Sequence[int]
    call_key_kinds: Sequence[int]
    call_keys: Sequence[str]
    legs: Sequence[str]
    account_ids: Sequence[str]
    payer_account_ids: Sequence[str]
    callers: Sequence[str]
    callees: Sequence[str]
    callee_kinds: Sequence[int]
    starts_micros: Sequence[int]
    durations_ms: Sequence[int]
    answered: Sequence[int]
    begins_micros: Sequence[int]
    """When conversation began; the start of calls whose answer is not known."""
    services: Sequence[int]
    quantities: Sequence[int]
    """Messages or bytes; 0 for voice."""
    egress_trunks: Sequence[str]
    routing_numbers: Sequence[str]
    """Of ported callees; empty for others."""
    parties: Sequence[int]
    levels: Sequence[int]
    """Which reseller on the way up, from 1; 0 for other parties."""

    def __len__(self) -> int:
        return len(self.call_ids)

    def select(self, places: Sequence[int]) -> CallBatch:
        """The calls at some places."""
        columns = (getattr(self, column.name) for column in fields(self))
        return CallBatch(*([column[place] for place in places] for column in columns))

    def waves(self, charge_starts: Sequence[int]) -> Iterator[CallBatch]:
        """The batch in parts, none of which has two inputs to the same charge.

        `charge_starts` are the instants by which the charges of the calls are known.
        """
        if len(set(self.call_keys)) == len(self):
            yield self
            return
        identity = (self.call_key_kinds, self.call_keys, self.legs, self.parties, self.levels)
        keys = list(zip(charge_starts, *identity, strict=True))
        if len(set(keys)) == len(keys):
            yield self
            return
        remaining = list(range(len(keys)))
        while remaining:
            first = {keys[place]: place for place in reversed(remaining)}
            wave = sorted(first.values())
            yield self.select(wave)
            remaining = sorted(set(remaining) - set(wave))


def price_batch(
    calls: CallBatch,
    customers: Mapping[CustomerKey, Customer],
    tariff: Tariff,
    table_of: Callable[[str], PrefixTable],
    counters: CounterBook | None = None,
    counting_micros: Sequence[int] | None = None,
    owners: NumberOwners = NO_NUMBERS,
) -> list[PricedCall]:
    """The price of every call; the counters of the book move with each.

    `table_of` gives the compiled rows of a deck version; `counting_micros` are the instants in
    whose periods counters count calls, where those are not their starts.
    """
    book = counters or CounterBook()

    def price_one(place: int) -> PricedCall:
        customer = customers.get((calls.account_ids[place], calls.payer_account_ids[place]))
        if customer is None:
            return unrated(UNKNOWN_ACCOUNT)
        usage = usage_at(calls, place, tariff, counting_micros, owners)
        price = price_usage(usage, customer, tariff, table_of, book)
        book.apply(price.counter_uses)
        return price

    if len(calls) < BULK_CALLS_MIN:
        return list(map(price_one, range(len(calls))))

    def facts_of(place: int) -> CallFacts:
        return usage_at(calls, place, tariff, None, owners).facts

    columns = _columns(calls, customers, facts_of, counting_micros)
    bulk = Bulk.of(columns, _are_usual(calls, columns), price_one, book)
    return price_bulk(bulk, tariff, table_of)


def needed_counters(
    calls: CallBatch,
    customers: Mapping[CustomerKey, Customer],
    tariff: Tariff,
    counting_micros: Sequence[int] | None = None,
) -> set[CounterKey]:
    """Every counter that pricing a batch may read."""
    times: dict[CustomerKey, set[Times]] = {
        key: set() for key, customer in customers.items() if tariff.needs_counters(customer)
    }
    if not times:
        return set()
    starts = calls.starts_micros
    keys = zip(calls.account_ids, calls.payer_account_ids, strict=True)
    for key, start, counted in zip(keys, starts, counting_micros or starts, strict=True):
        if key in times:
            times[key].add((start, counted))
    needed = (counters_over_time(each, customers[key], tariff) for key, each in times.items())
    return set().union(*needed)


def usage_at(
    calls: CallBatch,
    place: int,
    tariff: Tariff,
    counting_micros: Sequence[int] | None = None,
    owners: NumberOwners = NO_NUMBERS,
) -> Usage:
    """A call of a batch as pricing is asked."""
    service, start = Service(calls.services[place]), calls.starts_micros[place]
    caller, callee = calls.callers[place], calls.callees[place]
    kind = NumberKind(calls.callee_kinds[place])
    # A short code is no international number, even where its digits look like one.
    number = (calls.routing_numbers[place] or callee) if kind is NumberKind.E164 else ""
    facts = CallFacts(
        service,
        caller,
        number,
        owners.relation(calls.payer_account_ids[place], callee, start),
        tariff.numbering.jurisdiction(caller, number),
    )
    return Usage(
        service,
        start,
        calls.begins_micros[place],
        calls.durations_ms[place],
        calls.quantities[place],
        bool(calls.answered[place]),
        kind,
        facts,
        counting_micros[place] if counting_micros else None,
    )


def _columns(
    calls: CallBatch,
    customers: Mapping[CustomerKey, Customer],
    facts_of: Callable[[int], CallFacts],
    counting_micros: Sequence[int] | None,
) -> CallColumns:
    places = {key: place for place, key in enumerate(customers)}
    keys = zip(calls.account_ids, calls.payer_account_ids, strict=True)
    found = list(map(places.get, keys, repeat(UNKNOWN)))
    starts = np.array(calls.starts_micros, np.int64)
    return CallColumns(
        list(customers.values()),
        np.array(found, np.intp),
        *padded_columns(_numbers(calls)),
        starts,
        np.array(calls.begins_micros, np.int64),
        np.array(calls.durations_ms, np.int64),
        facts_of,
        starts if counting_micros is None else np.array(counting_micros, np.int64),
    )


def _are_usual(calls: CallBatch, columns: CallColumns) -> Bools:
    """Which are answered calls of known accounts to international numbers."""
    usual: Bools = (
        (columns.customer_places != UNKNOWN)
        & (np.array(calls.callee_kinds) == NumberKind.E164)
        & (np.array(calls.services) == Service.VOICE)
        & np.array(calls.answered, np.bool_)
    )
    return usual


def _numbers(calls: CallBatch) -> list[str]:
    """What decks are asked for: the routing number of a ported callee, else the callee."""
    numbers = zip(calls.routing_numbers, calls.callees, strict=True)
    return [routing or callee for routing, callee in numbers]

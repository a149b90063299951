"""The prices of many calls in one pass over columns, bit for bit those of `pricing.price_usage`.

Calls of the same terms go together, then those of which the same conditions hold, then those whose
rate is in the same deck. What is left is arithmetic by row, and for `counted_calls` what counters
decide. Some calls are left to the scalar path: those whose terms change on the way, those whose
decks differ by band, those with amounts beyond 64 bits, and those of plans whose counters decide by
money.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.rating.domain.account import NEVER, Customer, Subscribed, Subscription, plan_in_force
from services.rating.domain.bulk.column_group import ColumnGroup, Places
from services.rating.domain.bulk.column_terms import (
    Situation,
    conditions_of,
    situation_of,
)
from services.rating.domain.bulk.deck_search import Asked, DeckSearch, exchange_changes
from services.rating.domain.bulk.group_pricing import (
    CallTimes,
    GroupCalls,
    PricedGroups,
    price_groups,
)
from services.rating.domain.decks.prefix_table import Int32s, Int64s, PrefixTable
from services.rating.domain.plans.conditions import CallFacts, Condition
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Terms

# Fewer calls than this are not worth a pass of their own.
GROUP_CALLS_MIN = 4
# Calls further apart than this have no common timeline of bands.
SPAN_MICROS_MAX = 300 * 86_400 * 10**6


class CallColumns(NamedTuple):
    """Answered calls of a valid duration to international numbers, as columns, a place a call."""

    customers: Sequence[Customer]
    customer_places: npt.NDArray[np.integer]
    """Which of the customers made each call."""
    numbers: Int64s
    """What decks are asked for, padded; see prefix_table."""
    lengths: Int32s
    starts_micros: Int64s
    begins_micros: Int64s
    durations_ms: Int64s
    facts_of: Callable[[int], CallFacts]
    """What conditions look at, of the call at a place; asked only where there are conditions."""
    counted_micros: Int64s | None = None
    """In whose periods counters count; None where no calls with counters are asked for."""


class ColumnPrices(NamedTuple):
    """What a pass has priced, and what it has not."""

    priced: list[PricedGroups]
    without_rate: list[Places]
    rest: list[Places]
    """For the scalar path."""

    @property
    def groups(self) -> list[ColumnGroup]:
        """Calls of plans without counters."""
        return self._groups(are_stateless=True)

    @property
    def counted(self) -> list[ColumnGroup]:
        """Calls of plans with counters, as if none were used."""
        return self._groups(are_stateless=False)

    def _groups(self, are_stateless: bool) -> list[ColumnGroup]:
        groups = [group for one in self.priced for group in one.groups]
        return [each for each in groups if each.common.terms.is_stateless is are_stateless]


def price_columns(
    calls: CallColumns, places: Places, tariff: Tariff, table_of: Callable[[str], PrefixTable]
) -> ColumnPrices:
    """Price the calls at some places; `table_of` gives the compiled rows of a deck version."""
    done = ColumnPrices([], [], [])
    if len(places):
        _Pass(calls, tariff, table_of, done).price(places)
    return done


class _Pass:
    def __init__(
        self,
        calls: CallColumns,
        tariff: Tariff,
        table_of: Callable[[str], PrefixTable],
        done: ColumnPrices,
    ) -> None:
        self._calls = calls
        self._tariff = tariff
        self._table_of = table_of
        self._done = done
        self._asked: list[Asked] = []
        self._untils: Sequence[int] = ()
        """Until when each customer keeps its plan."""

    def price(self, places: Places) -> None:
        """Group the calls, find their rates, then price all groups at once."""
        calls = self._calls
        starts = calls.starts_micros.take(places)
        span = _span(starts)
        if span[1] - span[0] > SPAN_MICROS_MAX:
            early = starts <= sum(span) // 2
            self.price(places[early])
            self.price(places[~early])
            return
        self._asked = []
        self._group(places, span)
        decks = DeckSearch(calls.numbers, calls.lengths, self._tariff.exchange, self._table_of)
        decks.search(self._asked)
        self._done.rest.extend(decks.rest)
        for asked in decks.without_rate:
            self._give_up(asked)
        if decks.groups:
            begin_when_they_start = calls.begins_micros is calls.starts_micros
            begins = span if begin_when_they_start else _span(calls.begins_micros.take(places))
            self._price(decks.groups, begins)

    def _price(self, groups: Sequence[GroupCalls], begins: tuple[int, int]) -> None:
        calls = self._calls
        times = CallTimes(
            calls.begins_micros, calls.durations_ms, begins, calls.customer_places, self._untils
        )
        priced, rest = price_groups(groups, times)
        if priced is not None:
            self._done.priced.append(priced)
        if rest is not None:
            self._done.rest.append(rest)

    def _group(self, places: Places, span: tuple[int, int]) -> None:
        """Sort the calls by the plans and currencies of their customers."""
        calls = self._calls
        of_customers, self._untils = _each_subscribed(calls.customers, *span)
        codes: dict[Subscribed | None, int] = {}
        codes_of = [codes.setdefault(subscribed, len(codes)) for subscribed in of_customers]
        of_calls = np.array(codes_of, np.min_scalar_type(len(codes))).take(
            calls.customer_places.take(places)
        )
        in_order = places.take(of_calls.argsort(kind="stable"))
        ends = accumulate(np.bincount(of_calls, minlength=len(codes)).tolist(), initial=0)
        for subscribed, (begin, end) in zip(codes, pairwise(ends), strict=True):
            if begin == end:
                continue
            if subscribed is None:
                self._done.rest.append(in_order[begin:end])
            else:
                self._group_span(subscribed, in_order[begin:end], span)

    def _group_span(
        self, subscribed: Subscribed, places: Places, span: tuple[int, int] | None = None
    ) -> None:
        """Group calls of one plan; those before and after a change of terms each by themselves.

        They may span less than is given: that is looked at where it makes a difference.
        """
        first, last = span or _span(self._calls.starts_micros.take(places))
        plan_id, currency = subscribed
        terms = self._tariff.terms_at(plan_id, first)
        if terms is None or self._changes(terms, currency, first, last):
            if span is not None:
                self._group_span(subscribed, places)
                return
            if terms is not None and len(places) >= GROUP_CALLS_MIN:
                early = self._calls.starts_micros[places] <= (first + last) // 2
                self._group_span(subscribed, places[early])
                self._group_span(subscribed, places[~early])
                return
        if len(places) < GROUP_CALLS_MIN or terms is None or not self._can_be_priced(terms):
            self._done.rest.append(places)
            return
        for situation, part in self._by_facts(terms, places):
            if situation.chain is None:
                self._done.rest.append(part)
            else:
                asked = Asked(terms, situation, currency, first, part, situation.chain)
                self._asked.append(asked)

    def _can_be_priced(self, terms: Terms) -> bool:
        if terms.is_stateless:
            return True
        return self._calls.counted_micros is not None and terms.can_be_counted

    def _changes(self, terms: Terms, currency: str, first: int, last: int) -> bool:
        """Whether other terms or exchange rates take force."""
        if terms.until_micros is not None and terms.until_micros <= last:
            return True
        changes = exchange_changes(terms, currency, self._tariff.exchange)
        return bisect_right(changes, first) != bisect_right(changes, last)

    def _by_facts(self, terms: Terms, places: Places) -> Iterator[tuple[Situation, Places]]:
        """The calls by which conditions on their facts hold."""
        conditions = conditions_of(terms)
        if not conditions:
            yield situation_of(terms, frozenset()), places
            return
        facts = list(map(self._calls.facts_of, places.tolist()))
        together: dict[frozenset[Condition], list[int]] = {}
        for place, of_call in zip(places.tolist(), facts, strict=True):
            failing = frozenset(when for when in conditions if not when.holds(of_call))
            together.setdefault(failing, []).append(place)
        for failing, part in together.items():
            yield situation_of(terms, failing), np.array(part, np.intp)

    def _give_up(self, asked: Asked) -> None:
        """No deck knows the numbers, but other terms may, in force when conversation begins."""
        calls, places = self._calls, asked.places
        untils = np.array(self._untils)[calls.customer_places[places]]
        until = np.minimum(untils, asked.terms.until_micros or NEVER)
        begun = calls.begins_micros[places] < until
        self._done.without_rate.append(places[begun])
        self._done.rest.append(places[~begun])


def _span(times: Int64s) -> tuple[int, int]:
    return int(times.min()), int(times.max())


def _each_subscribed(
    customers: Sequence[Customer], first: int, last: int
) -> tuple[Sequence[Subscribed | None], Sequence[int]]:
    """The plan of each customer, and until when; see `_subscribed`."""
    plans, starts, untils = zip(*[customer.steady for customer in customers], strict=True)
    if max(starts) <= first and last < min(untils):
        return plans, untils
    plans, untils = zip(
        *[_subscribed(customer, first, last) for customer in customers], strict=True
    )
    return plans, untils


def _subscribed(customer: Customer, first: int, last: int) -> tuple[Subscribed | None, int]:
    """The plan of a customer, and until when; None where the batch sees more, or other decks."""
    subscribed, start, until = customer.steady
    if start <= first and last < until:
        return subscribed, until
    subscriptions = customer.subscriptions
    plan_id, until = plan_in_force(subscriptions, first), _change_after(subscriptions, first)
    if plan_id is None or last >= until or not customer.is_usual:
        return None, until
    return (plan_id, customer.account.currency), until


def _change_after(subscriptions: Sequence[Subscription], instant_micros: int) -> int:
    """When a subscription begins or ends next."""
    changes = [change for _, *both in subscriptions for change in both if change is not None]
    return min((change for change in changes if change > instant_micros), default=NEVER)

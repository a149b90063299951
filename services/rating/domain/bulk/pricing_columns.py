"""The prices of many calls in one pass over columns, bit for bit those of `pricing.price_usage`.

Calls of the same terms go together, then those of which the same conditions hold, then those whose
rate is in the same deck. What is left is arithmetic by row, and for `counted_calls` what counters
decide. Some calls are left to the scalar path: those whose terms change on the way, those whose
decks differ by band, those with amounts beyond 64 bits, and those of plans whose counters decide by
money.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.rating.domain.account import Customer, Subscription, plan_in_force
from services.rating.domain.bulk.column_groups import (
    CallTimes,
    ColumnGroup,
    GroupCalls,
    GroupTerms,
    Places,
    price_groups,
)
from services.rating.domain.bulk.column_terms import (
    Situation,
    conditions_of,
    deck_currencies,
    situation_of,
)
from services.rating.domain.decks.prefix_table import NO_ROW, Int32s, Int64s, PrefixTable
from services.rating.domain.plans.conditions import CallFacts, Condition
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Chain, DeckVersion, Terms

# Fewer calls than this are not worth a pass of their own.
GROUP_CALLS_MIN = 4
# Calls further apart than this have no common timeline of bands.
SPAN_MICROS_MAX = 300 * 86_400 * 10**6
_NEVER = 2**62


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

    groups: list[ColumnGroup]
    counted: list[ColumnGroup]
    """Calls of plans with counters, as if none were used."""
    without_rate: list[Places]
    rest: list[Places]
    """For the scalar path."""


_Subscribed = tuple[str, str]
"""A plan that customers are subscribed to throughout a batch, and the currency of their account."""


def price_columns(
    calls: CallColumns, places: Places, tariff: Tariff, table_of: Callable[[str], PrefixTable]
) -> ColumnPrices:
    """Price the calls at some places; `table_of` gives the compiled rows of a deck version."""
    done = ColumnPrices([], [], [], [])
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
        self._groups: list[GroupCalls] = []
        self._until = np.zeros(len(calls.customers), np.int64)
        """Until when each customer keeps its plan."""

    def price(self, places: Places) -> None:
        """Group the calls, then price all groups at once."""
        calls = self._calls
        starts = calls.starts_micros[places]
        span = int(starts.min()), int(starts.max())
        if span[1] - span[0] > SPAN_MICROS_MAX:
            early = starts <= sum(span) // 2
            self.price(places[early])
            self.price(places[~early])
            return
        self._groups.clear()
        self._group(places, span)
        if not self._groups:
            return
        until = self._until[calls.customer_places]
        times = CallTimes(calls.begins_micros, calls.durations_ms, until)
        priced, rest = price_groups(self._groups, times)
        self._done.rest.extend(rest)
        for group in priced:
            is_stateless = group.common.terms.is_stateless
            (self._done.groups if is_stateless else self._done.counted).append(group)

    def _group(self, places: Places, span: tuple[int, int]) -> None:
        calls = self._calls
        codes: dict[_Subscribed | None, int] = {None: 0}
        of_customers, untils = [], []
        for customer in calls.customers:
            subscribed, until = _subscribed(customer, *span)
            of_customers.append(codes.setdefault(subscribed, len(codes)))
            untils.append(until)
        self._until = np.array(untils)
        of_calls = np.array(of_customers)[calls.customer_places[places]]
        for subscribed, code in codes.items():
            together = places[of_calls == code] if len(codes) > 1 else places
            if not len(together):
                continue
            if subscribed is None:
                self._done.rest.append(together)
            else:
                self._group_span(subscribed, together, span)

    def _group_span(
        self, subscribed: _Subscribed, places: Places, span: tuple[int, int] | None = None
    ) -> None:
        """Group calls of one plan; those before and after a change of terms each by themselves.

        They may span less than is given: that is looked at where it makes a difference.
        """
        starts = self._calls.starts_micros[places]
        first, last = span or (int(starts.min()), int(starts.max()))
        plan_id, currency = subscribed
        terms = self._tariff.terms_at(plan_id, first)
        if terms is None or self._changes(terms, currency, first, last):
            if span is not None:
                self._group_span(subscribed, places)
                return
            if terms is not None and len(places) >= GROUP_CALLS_MIN:
                early = starts <= (first + last) // 2
                self._group_span(subscribed, places[early])
                self._group_span(subscribed, places[~early])
                return
        if len(places) < GROUP_CALLS_MIN or terms is None or not self._can_be_priced(terms):
            self._done.rest.append(places)
            return
        for situation, part in self._by_facts(terms, places):
            self._group_situation(terms, situation, currency, part)

    def _can_be_priced(self, terms: Terms) -> bool:
        if terms.is_stateless:
            return True
        return self._calls.counted_micros is not None and terms.can_be_counted

    def _changes(self, terms: Terms, currency: str, first: int, last: int) -> bool:
        """Whether other terms or exchange rates take force."""
        if terms.until_micros is not None and terms.until_micros <= last:
            return True
        exchange = self._tariff.exchange
        pairs = {(each, terms.currency) for each in deck_currencies(terms)}
        pairs.add((terms.currency, currency))
        return any(
            pair[0] != pair[1] and exchange.at(*pair, first) != exchange.at(*pair, last)
            for pair in pairs
        )

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

    def _group_situation(
        self, terms: Terms, situation: Situation, currency: str, places: Places
    ) -> None:
        """Ask the decks of the chain one after the other for the numbers that are left."""
        chain: Chain | None = situation.chain
        if chain is None:
            self._done.rest.append(places)
            return
        calls = self._calls
        for version in chain:
            table = self._table_of(version.rate_deck_version_id)
            rows = table.match(calls.numbers[places], calls.lengths[places])
            there, left = places, places[:0]
            if rows.min() == NO_ROW:
                known = rows != NO_ROW
                there, left, rows = places[known], places[~known], rows[known]
            if len(there):
                common = self._common(terms, situation, (version, table), currency, there)
                if common is None:
                    self._done.rest.append(there)
                else:
                    self._groups.append(GroupCalls(common, there, rows.astype(np.intp)))
            places = left
            if not len(places):
                return
        # Other terms, in force when conversation begins, may have a deck that knows the number.
        until = np.minimum(self._until_of(places), terms.until_micros or _NEVER)
        begun = calls.begins_micros[places] < until
        self._done.without_rate.append(places[begun])
        self._done.rest.append(places[~begun])

    def _until_of(self, places: Places) -> Int64s:
        until: Int64s = self._until[self._calls.customer_places[places]]
        return until

    def _common(
        self,
        terms: Terms,
        situation: Situation,
        deck: tuple[DeckVersion, PrefixTable],
        currency: str,
        places: Places,
    ) -> GroupTerms | None:
        """What calls of one deck have in common; None where an exchange rate is missing."""
        exchange, start = self._tariff.exchange, int(self._calls.starts_micros[places[0]])
        to_plan = exchange.at(deck[0].currency, terms.currency, start)
        to_account = exchange.at(terms.currency, currency, start)
        if to_plan is None or to_account is None:
            return None
        return GroupTerms(terms, situation, *deck, currency, to_plan, to_account)


def _subscribed(customer: Customer, first: int, last: int) -> tuple[_Subscribed | None, int]:
    """The plan of a customer, and until when; None where the batch sees more, or other decks."""
    subscriptions, currency = customer.subscriptions, customer.account.currency
    if len(subscriptions) == 1:
        [(plan_id, start, end)] = subscriptions
        until = _NEVER if end is None else end
        is_throughout = start <= first and last < until
    else:
        found, until = plan_in_force(subscriptions, first), _change_after(subscriptions, first)
        plan_id, is_throughout = found or "", found is not None and last < until
    is_odd = customer.overrides or customer.grants or currency != customer.payer.currency
    return (None if is_odd or not is_throughout else (plan_id, currency)), until


def _change_after(subscriptions: Sequence[Subscription], instant_micros: int) -> int:
    """When a subscription begins or ends next."""
    changes = [change for _, *both in subscriptions for change in both if change is not None]
    return min((change for change in changes if change > instant_micros), default=_NEVER)

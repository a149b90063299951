"""Finds the rates of calls: each deck is asked once for the numbers of all plans it comes first in.

Numbers that it does not know go on to the next deck of their chain.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from services.rating.domain.bulk.column_group import GroupTerms, Places
from services.rating.domain.bulk.column_lane import Lane, lane_of
from services.rating.domain.bulk.column_terms import Situation, deck_currencies
from services.rating.domain.bulk.group_pricing import GroupCalls
from services.rating.domain.decks.prefix_table import NO_ROW, Int32s, Int64s, PrefixTable
from services.rating.domain.tariffs.exchange import ExchangeRates
from services.rating.domain.tariffs.terms import Chain, Terms


class Asked(NamedTuple):
    """Calls of common terms, and the decks that are yet to be asked for their numbers."""

    terms: Terms
    situation: Situation
    currency: str
    """Of the accounts."""
    instant_micros: int
    """At which exchange rates are those of all the calls."""
    places: Places
    chain: Chain


class DeckSearch:
    """Searches for the numbers of a batch, and sorts its calls by what was found."""

    def __init__(
        self,
        numbers: Int64s,
        lengths: Int32s,
        exchange: ExchangeRates,
        table_of: Callable[[str], PrefixTable],
    ) -> None:
        self._numbers, self._lengths = numbers, lengths
        self._shortest = int(lengths.min())
        self._exchange = exchange
        self._table_of = table_of
        self.groups: list[GroupCalls] = []
        self.without_rate: list[Asked] = []
        """Calls whose numbers no deck knows."""
        self.rest: list[Places] = []
        """Calls with rates that cannot be priced in columns."""

    def search(self, asked: Sequence[Asked]) -> None:
        """Ask the first deck of each chain, then the next for the numbers left, and so on."""
        while asked:
            by_deck: dict[str, list[Asked]] = {}
            for each in asked:
                if each.chain:
                    by_deck.setdefault(each.chain[0].rate_deck_version_id, []).append(each)
                else:
                    self.without_rate.append(each)
            asked = [
                left
                for version_id, together in by_deck.items()
                for left in self._ask(self._table_of(version_id), together)
            ]

    def _ask(self, table: PrefixTable, together: Sequence[Asked]) -> list[Asked]:
        """Ask a deck; the calls with the numbers that it does not know are returned."""
        places = np.concatenate([asked.places for asked in together])
        rows = self._match(table, places)
        knows_all = rows.min() != NO_ROW
        unknown = []
        end = 0
        for asked in together:
            begin, end = end, end + len(asked.places)
            there, found = asked.places, rows[begin:end]
            if not knows_all:
                known = found != NO_ROW
                left, there, found = there[~known], there[known], found[known]
                if len(left):
                    unknown.append(asked._replace(places=left, chain=asked.chain[1:]))
            if len(there):
                self._add(asked, table, there, found)
        return unknown

    def _match(self, table: PrefixTable, places: Places) -> Places:
        numbers = self._numbers.take(places)
        if self._shortest >= table.longest_prefix:
            return table.match_long(numbers)
        return table.match(numbers, self._lengths.take(places))

    def _add(self, asked: Asked, table: PrefixTable, places: Places, rows: Places) -> None:
        lane = self._lane(asked, table)
        if lane is None:
            self.rest.append(places)
        else:
            self.groups.append(GroupCalls(lane, places, rows))

    def _lane(self, asked: Asked, table: PrefixTable) -> Lane | None:
        """What prices calls of the first deck, made once; None where that is not possible."""
        terms, situation, currency, instant, _, (version, *_) = asked
        period = bisect_right(exchange_changes(terms, currency, self._exchange), instant)
        key = "lane", version.rate_deck_version_id, situation.failing, currency, period
        known: tuple[PrefixTable, Lane | None] | None = terms.kept.get(key)
        if known is None or known[0] is not table:
            to_plan = self._exchange.at(version.currency, terms.currency, instant)
            to_account = self._exchange.at(terms.currency, currency, instant)
            lane = None
            if to_plan is not None and to_account is not None:
                lane = lane_of(
                    GroupTerms(terms, situation, version, table, currency, to_plan, to_account)
                )
            known = terms.kept[key] = table, lane
        return known[1]


def exchange_changes(terms: Terms, currency: str, exchange: ExchangeRates) -> Sequence[int]:
    """When an exchange rate changes between any deck, the plan and accounts of a currency."""
    key = "exchange", currency
    changes: Sequence[int] | None = terms.kept.get(key)
    if changes is None:
        pairs = {(each, terms.currency) for each in deck_currencies(terms)}
        pairs.add((terms.currency, currency))
        changes = terms.kept[key] = exchange.changes(pairs)
    return changes

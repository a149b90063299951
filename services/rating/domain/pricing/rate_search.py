"""Which terms, band and rate price a call: when it begins, and from unit to unit as it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from kernel.clock import MICROS_PER_SECOND
from kernel.e164 import NumberKind
from services.rating.domain.account import Customer, plan_in_force
from services.rating.domain.decks.prefix_table import NO_ROW, PrefixTable
from services.rating.domain.decks.rate_deck import Rate
from services.rating.domain.errors import NO_RATE, RATE_NOT_YET_VALID
from services.rating.domain.priced_call import Usage
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import Chain, DeckVersion, Terms

# After every call there is.
_NEVER = 2**63


class FoundRate(NamedTuple):
    """A row of a deck version."""

    version: DeckVersion
    row: int
    rate: Rate


class InForce(NamedTuple):
    """What prices a base unit."""

    terms: Terms
    band: str
    found: FoundRate

    def prices_like(self, other: InForce) -> bool:
        """Whether both price a base unit alike."""
        return (
            self.band == other.band
            and self.terms.compiled is other.terms.compiled
            and self.found.row == other.found.row
            and self.found.version is other.found.version
        )


class _Sought(NamedTuple):
    """By what the first rate is found."""

    terms: Terms
    band: str
    instant_micros: int


class _Piece(NamedTuple):
    start_micros: int
    terms: Terms | None
    band: str


class RateSearch:
    """Searches for the rates of one usage."""

    def __init__(
        self,
        usage: Usage,
        customer: Customer,
        tariff: Tariff,
        table_of: Callable[[str], PrefixTable],
    ) -> None:
        self.usage = usage
        self._customer = customer
        self._tariff = tariff
        self._tables = table_of
        # A short code is no international number, even where its digits look like one.
        self._digits = usage.facts.number if usage.callee_kind == NumberKind.E164 else ""
        self._decks = _decks_at(customer, usage.start_micros) if customer.overrides else []
        self._has_terms_at_begin = True
        self._sought: _Sought | None = None
        self._asked: Chain | None = None
        self._found: FoundRate | None = None

    @property
    def has_asked(self) -> bool:
        """Whether there was any deck to ask for the number."""
        return bool(self._asked)

    def terms_at(self, instant_micros: int) -> Terms | None:
        """The terms of the plan subscribed to."""
        plan_id = plan_in_force(self._customer.subscriptions, instant_micros)
        return self._tariff.terms_at(plan_id, instant_micros) if plan_id else None

    def first(self, governing: Terms) -> InForce | None:
        """What prices base unit 0; None when no deck knows the number."""
        start, begin = self.usage.start_micros, self.usage.begin_micros
        terms, instant = governing, begin
        if begin != start and not self._is_constant(governing, start, begin):
            at_begin = self.terms_at(begin)
            self._has_terms_at_begin = at_begin is not None
            # Without terms at begin, all that is judged at begin is judged at the start.
            terms, instant = (governing, start) if at_begin is None else (at_begin, begin)
        band = terms.compiled.schedule.band_at(instant) if terms.compiled.has_bands else ""
        self._sought = _Sought(terms, band, instant)
        found = self._find(terms, band, instant)
        return InForce(terms, band, found) if found else None

    def why_none(self) -> str:
        """Why there is no first rate: RATE_NOT_YET_VALID where there is one from later on."""
        return RATE_NOT_YET_VALID if self._comes_later() else NO_RATE

    def _comes_later(self) -> bool:
        """Whether one of the decks that had no first rate has one from a later time on."""
        if self._sought is None or not self._digits:
            return False
        terms, band, instant = self._sought
        deck_ids = (*self._decks, *terms.compiled.deck_ids_for(self.usage.facts, band))
        return any(
            version.service is self.usage.service and self._knows(version)
            for deck_id in deck_ids
            for version in self._tariff.versions_after(deck_id, instant)
        )

    def stays(self, terms: Terms, units: int) -> bool:
        """Whether the terms at the beginning hold for a call of so many seconds."""
        begin = self.usage.begin_micros
        last = begin + (units - 1) * MICROS_PER_SECOND
        return self._has_terms_at_begin and self._is_constant(terms, begin, last)

    def over_time(self, first: InForce, units: int) -> list[tuple[int, InForce]]:
        """From which base unit on each is in force, in a call of so many seconds."""
        begin = self.usage.begin_micros
        end = begin + (units - 1) * MICROS_PER_SECOND + 1
        if not self.stays(first.terms, units):
            return self._over_pieces(first, self._pieces(begin, end), units)
        if not first.terms.compiled.has_bands:
            return [(0, first)]
        if first.terms.choices:
            return self._over_pieces(first, _band_pieces(begin, end, first.terms), units)
        # One rate in all bands, of which none is shorter than a minute.
        terms, _, found = first
        pieces = terms.compiled.schedule.pieces(begin, end)[1:]
        return [
            (0, first),
            *[(_unit_at(start - begin), InForce(terms, band, found)) for start, band in pieces],
        ]

    def _over_pieces(
        self, first: InForce, pieces: Sequence[_Piece], units: int
    ) -> list[tuple[int, InForce]]:
        spans = [(0, first)]
        starts = [_unit_at(piece.start_micros - self.usage.begin_micros) for piece in pieces]
        starts.append(units)
        for place, piece in enumerate(pieces):
            unit = starts[place]
            # What is in force between two seconds only prices none.
            if not 0 < unit < starts[place + 1] or piece.terms is None:
                continue
            found = self._find(piece.terms, piece.band, piece.start_micros)
            # Terms that give no rate leave those of the unit before in force.
            if found is not None:
                in_force = InForce(piece.terms, piece.band, found)
                if not in_force.prices_like(spans[-1][1]):
                    spans.append((unit, in_force))
        return spans

    def _is_constant(self, terms: Terms, after: int, last: int) -> bool:
        """Whether the terms at an instant are still those at a later one."""
        if terms.until_micros is not None and terms.until_micros <= last:
            return False
        for _, start, end in self._customer.subscriptions:
            if after < start <= last or (end is not None and after < end <= last):
                return False
        return not self._decks or self._next_change(after) > last

    def _pieces(self, begin: int, end: int) -> list[_Piece]:
        """The span cut wherever terms or bands change."""
        pieces = []
        for start, until, terms in self._terms_between(begin, end):
            if terms is None:
                pieces.append(_Piece(start, terms, ""))
            else:
                pieces += _band_pieces(start, until, terms)
        return pieces

    def _terms_between(self, begin: int, end: int) -> Iterator[tuple[int, int, Terms | None]]:
        while begin < end:
            until = min(self._next_change(begin), end)
            yield begin, until, self.terms_at(begin)
            begin = until

    def _next_change(self, instant: int) -> int:
        """When other terms or own decks take force at the earliest."""
        plan_id = plan_in_force(self._customer.subscriptions, instant)
        nexts = [self._tariff.next_version(deck_id, instant) for deck_id in self._decks]
        nexts.append(self._tariff.next_terms(plan_id, instant) if plan_id else None)
        for subscription in self._customer.subscriptions:
            nexts += (subscription.start_micros, subscription.end_micros)
        return min((each for each in nexts if each is not None and each > instant), default=_NEVER)

    def _find(self, terms: Terms, band: str, instant: int) -> FoundRate | None:
        """The rate by the first deck that knows the number."""
        chain = terms.chain(self.usage.facts, band)
        if self._decks:
            chain = (*self._own_chain(instant), *chain)
        if chain != self._asked:
            self._asked, self._found = chain, self._ask(chain)
        return self._found

    def _own_chain(self, instant: int) -> Iterator[DeckVersion]:
        for deck_id in self._decks:
            version = self._tariff.version_at(deck_id, instant)
            if version is not None and version.service is self.usage.service:
                yield version

    def _knows(self, version: DeckVersion) -> bool:
        return self._tables(version.rate_deck_version_id).find_row(self._digits) != NO_ROW

    def _ask(self, chain: Chain) -> FoundRate | None:
        if not self._digits:
            return None
        for version in chain:
            table = self._tables(version.rate_deck_version_id)
            row = table.find_row(self._digits)
            if row != NO_ROW:
                return FoundRate(version, row, table.rate(row))
        return None


def _unit_at(offset_micros: int) -> int:
    """The first base unit that begins at an offset from the beginning or later."""
    return -(-offset_micros // MICROS_PER_SECOND)


def _decks_at(customer: Customer, instant: int) -> list[str]:
    """The account's own decks, in order of preference."""
    return [
        each.rate_deck_id
        for each in customer.overrides
        if each.start_micros <= instant and (each.end_micros is None or instant < each.end_micros)
    ]


def _band_pieces(start: int, end: int, terms: Terms) -> list[_Piece]:
    if not terms.compiled.has_bands:
        return [_Piece(start, terms, "")]
    pieces = terms.compiled.schedule.pieces(start, end)
    return [_Piece(instant, terms, band) for instant, band in pieces]

"""Prices calls together where that is possible, and one by one where it is not, in their order."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import repeat
from typing import NamedTuple

import numpy as np

from services.rating.domain.bulk.column_group import Bools, ColumnGroup, Places
from services.rating.domain.bulk.counted_calls import CountedCalls
from services.rating.domain.bulk.pricing_columns import CallColumns, price_columns
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.counters import CounterBook
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.errors import NO_RATE
from services.rating.domain.priced_call import PricedCall, unrated
from services.rating.domain.quantity import CALL_DURATION_MS_MAX
from services.rating.domain.receipts.receipt import sealed
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.tariffs.terms import CACHED_RATES_MAX

# Conversation may begin this long after the set-up; what is stranger takes the scalar path.
BULK_RINGING_MICROS_MAX = 3_600 * 10**6

_NO_RATE = unrated(NO_RATE)
# By whether there is something to pay.
_OUTCOMES = Outcome.ZERO, Outcome.RATED
_DIGITS = re.compile(rb"\d+")
# What differs between the receipts of calls that one row of a deck prices whole in one band.
_OWN_FIGURES = re.compile(
    rb'"begin_micros":\d+|"duration_ms":\d+|"charged":\d+|"segments":\[\{"units":\d+'
    rb'|"exact_micros":"\d+/\d+"|"amount_micros":\d+,"digest":"[0-9a-f]+"\}'
)


class Bulk(NamedTuple):
    """Calls to be priced, and how the price of one of them is found by itself."""

    columns: CallColumns
    together: Bools
    """Which calls columns can price."""
    places: Places
    """Of those."""
    price_one: Callable[[int], PricedCall]
    """The price of the call at a place, by the scalar path."""
    counters: CounterBook
    """Moved by calls that columns price; `price_one` moves them by itself."""

    @classmethod
    def of(
        cls,
        columns: CallColumns,
        is_usual: Bools,
        price_one: Callable[[int], PricedCall],
        counters: CounterBook | None = None,
    ) -> Bulk:
        """Those calls go together that are usual, of a valid duration and begin soon enough."""
        # Read as unsigned, what is below 0 is above every limit.
        together = is_usual & (columns.durations_ms.view(np.uint64) <= CALL_DURATION_MS_MAX)
        if columns.begins_micros is not columns.starts_micros:
            ringing = columns.begins_micros - columns.starts_micros
            together &= ringing.view(np.uint64) <= BULK_RINGING_MICROS_MAX
        return cls(columns, together, together.nonzero()[0], price_one, counters or CounterBook())


def price_bulk(
    bulk: Bulk, tariff: Tariff, table_of: Callable[[str], PrefixTable], with_receipts: bool = True
) -> list[PricedCall]:
    """The price of every call."""
    done = price_columns(bulk.columns, bulk.places, tariff, table_of)
    prices = [_NO_RATE] * len(bulk.together)
    for group in done.groups:
        for place, price in _prices(group, bulk, with_receipts):
            prices[place] = price
    counted = CountedCalls(bulk.columns, tariff, bulk.counters, bulk.price_one)
    for group in done.counted:
        counted.add(group)
    others = (~bulk.together).nonzero()[0]
    for place, price in counted.prices([*done.rest, others]):
        prices[place] = price
    # Whether a rate is yet to come, the scalar path knows.
    return [bulk.price_one(at) if each is _NO_RATE else each for at, each in enumerate(prices)]


def _prices(
    group: ColumnGroup, bulk: Bulk, with_receipts: bool
) -> Iterator[tuple[int, PricedCall]]:
    table, rows = group.common.table, group.rows.tolist()
    known = {row: table.rate(row) for row in set(rows)}
    rates = list(map(known.__getitem__, rows))
    fields = (
        map(_OUTCOMES.__getitem__, (group.amounts != 0).tolist()),
        repeat(""),
        repeat(group.common.currency),
        group.amounts.tolist(),
        group.charged.tolist(),
        [rate.destination for rate in rates],
        [rate.prefix for rate in rates],
        receipts_of(group, bulk) if with_receipts else repeat(b""),
        repeat(()),
    )
    # Some repeat for ever.
    return zip(group.places.tolist(), map(PricedCall._make, zip(*fields)))  # noqa: B905


def receipts_of(group: ColumnGroup, bulk: Bulk) -> Iterator[bytes]:
    """The receipt of each call, from that of the first call that is priced alike.

    The scalar path makes that one, and those of calls with several prices.
    """
    templates = group.common.receipts
    divisors = np.gcd(group.exact, group.scale.account)
    columns = (
        group.places,
        group.rows,
        group.bands,
        group.is_whole & ~group.in_grace,
        bulk.columns.begins_micros[group.places],
        group.durations_ms,
        group.charged,
        group.exact // divisors,
        group.scale.account // divisors,
        group.amounts,
    )
    *known, begins, durations, charged, numerators, denominators, amounts = (
        column.tolist() for column in columns
    )
    # In the order in which a receipt with one segment has them.
    figures = zip(
        begins, durations, charged, charged, numerators, denominators, amounts, strict=True
    )
    for place, row, band, is_alike, of_call in zip(*known, figures, strict=True):
        if not is_alike:
            yield bulk.price_one(place).receipt
            continue
        template = templates.get((row, band))
        if template is None:
            if len(templates) >= CACHED_RATES_MAX:
                templates.clear()
            template = templates[row, band] = _Template.of(bulk.price_one(place).receipt)
        content, has_segments = template
        yield sealed(content % (of_call if has_segments else of_call[1:3] + of_call[4:]))


class _Template(NamedTuple):
    """A receipt with gaps for the figures of one call."""

    content: bytes
    has_segments: bool
    """Else it tells neither when conversation began nor the units of a segment."""

    @classmethod
    def of(cls, receipt: bytes) -> _Template:
        """The template that a receipt was made from."""
        content = _OWN_FIGURES.sub(_gap, receipt.replace(b"%", b"%%"))
        return cls(content, b'"begin_micros":%d' in content)


def _gap(figure: re.Match[bytes]) -> bytes:
    """What takes the place of a figure; the digest is made anew."""
    text = figure[0]
    if text.startswith(b'"amount_micros"'):
        return b'"amount_micros":%d'
    return _DIGITS.sub(b"%d", text)

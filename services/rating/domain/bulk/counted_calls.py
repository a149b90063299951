"""Calls of plans with counters, in their order: each finds what those before it have left.

All that counters do not decide is worked out once, by the parts of the scalar path, for the calls
of a customer that one row of a deck prices whole in one band.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat, takewhile
from typing import NamedTuple

import numpy as np

from kernel.e164 import NumberKind
from kernel.money import NANOS_PER_MICRO
from services.rating.domain.allowances.bundles import Bundle, BundleUse, bundles_of, take
from services.rating.domain.allowances.needed_counters import counted_span
from services.rating.domain.allowances.volume import advance_of, cost_of, volume_of
from services.rating.domain.bulk.column_group import ColumnGroup, Places
from services.rating.domain.bulk.pricing_columns import CallColumns
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.compact_json import json_text
from services.rating.domain.counters import CounterBook, CounterState, CounterUse
from services.rating.domain.exact import NOTHING, Ratio, add, times
from services.rating.domain.plans.plan import BundleUnit
from services.rating.domain.priced_call import PricedCall, Usage
from services.rating.domain.pricing.call_receipt import (
    bundle_text,
    call_head,
    field_text,
    list_text,
    segment_end,
    steps_text,
    volume_ends,
    volume_text,
)
from services.rating.domain.pricing.conversions import Conversions
from services.rating.domain.pricing.full_price import ConnectFee, PricingCase, connect_fee_of
from services.rating.domain.pricing.rate_search import FoundRate, InForce, RateSearch
from services.rating.domain.pricing.segments import segments_of
from services.rating.domain.receipts.receipt import exact_text, sealed
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.domain.usage import Service

_NO_FEE = ConnectFee(NOTHING, ())
_NOTHING_TO_PAY = ',"exact_micros":"0/1","amount_micros":0'
_UNIT = Service.VOICE.unit_size * NANOS_PER_MICRO


class _CountedCall(NamedTuple):
    group: ColumnGroup
    row: int
    band: int
    duration_ms: int
    charged: int


class CountedCalls:
    """Prices the calls of a batch that depend on counters, and moves these."""

    def __init__(
        self,
        columns: CallColumns,
        tariff: Tariff,
        counters: CounterBook,
        price_one: Callable[[int], PricedCall],
    ) -> None:
        self._columns, self._tariff, self._counters = columns, tariff, counters
        self._price_one = price_one
        counted = columns.counted_micros
        self._counted_micros = (columns.starts_micros if counted is None else counted).tolist()
        self._begins_micros = columns.begins_micros.tolist()
        self._customer_places = columns.customer_places.tolist()
        self._calls: dict[int, _CountedCall] = {}
        self._others: list[Places] = []
        self._alike: dict[tuple[int, ...], _Alike] = {}

    def add(self, group: ColumnGroup) -> None:
        """Have calls priced in their turn."""
        usual = group.is_whole & ~group.in_grace
        columns = group.places, group.rows, group.bands, group.durations_ms, group.charged
        places, *figures = (column[usual].tolist() for column in columns)
        calls = map(_CountedCall, repeat(group), *figures)
        self._calls.update(zip(places, calls, strict=True))
        self._others.append(group.places[~usual])

    def prices(self, others: Sequence[Places]) -> Iterator[tuple[int, PricedCall]]:
        """The prices of all that were added and of other calls, in the order of their places."""
        one_by_one = np.concatenate([*others, *self._others]).tolist()
        for place in sorted([*self._calls, *one_by_one]):
            call = self._calls.get(place)
            yield place, self._price_one(place) if call is None else self._price(place, call)

    def _price(self, place: int, call: _CountedCall) -> PricedCall:
        key = self._customer_places[place], id(call.group), call.row, call.band
        alike = self._alike.get(key)
        if alike is None or not alike.counts_at(self._counted_micros[place]):
            alike = self._alike[key] = self._alike_at(place, call)
        price = alike.price(self._begins_micros[place], call, self._counters)
        self._counters.apply(price.counter_uses)
        return price

    def _alike_at(self, place: int, call: _CountedCall) -> _Alike:
        """What calls have in common with the one at a place."""
        columns, common = self._columns, call.group.common
        customer = columns.customers[self._customer_places[place]]
        usage = Usage(
            Service.VOICE,
            int(columns.starts_micros[place]),
            self._begins_micros[place],
            call.duration_ms,
            0,
            True,
            NumberKind.E164,
            columns.facts_of(place),
            self._counted_micros[place],
        )
        search = RateSearch(usage, customer, self._tariff, lambda _: common.table)
        bands = common.terms.revision.time_bands
        found = FoundRate(common.version, call.row, common.table.rate(call.row))
        first = InForce(common.terms, bands[call.band].code if call.band >= 0 else "", found)
        return _Alike(
            PricingCase(usage, customer, self._tariff, search, common.terms, first, call.charged)
        )


class _Price(NamedTuple):
    """How the price of a call comes about."""

    covering: list[BundleUse]
    paid: int
    fee: ConnectFee
    volume_use: CounterUse | None
    exact: Ratio
    amount_micros: int


class _Alike:
    """What the calls of a customer have in common that one row prices whole in one band."""

    def __init__(self, case: PricingCase) -> None:
        usage, customer, tariff, _, terms, first, _ = case
        account = customer.account.currency
        self._counted = counted_span(usage.counted_micros, customer, terms)
        self._currency, self._rate = account, case.rate
        self._rule, self._splits = terms.revision.price_rule, terms.compiled.splits
        self._bundles = bundles_of(usage, first.band, customer, terms, tariff)
        self._volume = volume_of(usage, first.band, customer, terms, CounterBook())
        conversions = Conversions(tariff.exchange, usage.start_micros)
        self._fee = connect_fee_of(case, (), conversions)
        [second] = segments_of([(0, first)], 0, 1, usage.facts, terms, conversions)
        self._unit_price = second.price
        self._covers = list(_free_of_fee(self._bundles, self._fee))
        self._to_account = conversions.convert((1, _UNIT), terms.currency, account)
        exchanges = field_text("exchanges", list_text(json_text, conversions.shown()))
        self._head = call_head(terms, account, first.found) + exchanges.encode()
        end = segment_end(second, first, terms)
        self._segment_end = "" if end == "}" else end
        self._volume_ends = None if self._volume is None else volume_ends(self._volume)

    def counts_at(self, instant_micros: int) -> bool:
        """Whether an instant is counted in the same periods."""
        return self._counted.start_micros <= instant_micros < self._counted.end_micros

    def price(self, begin_micros: int, call: _CountedCall, counters: CounterBook) -> PricedCall:
        """The price of one of the calls."""
        covering = self._covering(call.charged, counters)
        if covering is not None:
            return self._covered(call, covering, counters)
        price = self._worked_out(call.charged, counters)
        uses = [each.use for each in price.covering]
        use = price.volume_use
        if use is not None and use.before != use.after:
            uses.append(use)
        amount, rate = price.amount_micros, self._rate
        return PricedCall(
            Outcome.RATED if amount else Outcome.ZERO,
            "",
            self._currency,
            amount,
            call.charged,
            rate.destination,
            rate.prefix,
            self._receipt(begin_micros, call, price),
            tuple(uses),
        )

    def _covering(self, charged: int, counters: CounterBook) -> BundleUse | None:
        """The bundle that pays for all of a call, as of most; None if it takes more than one."""
        for bundle in self._covers:
            before = counters.state(bundle.key, bundle.granted)
            granted, used, spent = before
            if 0 < charged <= granted - used:
                after = CounterState(granted, used + charged, spent)
                return BundleUse(bundle, CounterUse(bundle.key, before, after))
            if used < granted:
                return None
        return None

    def _covered(
        self, call: _CountedCall, covering: BundleUse, counters: CounterBook
    ) -> PricedCall:
        """The price of a call for which nothing is left to be paid."""
        volume = ""
        if self._volume is not None and self._volume_ends is not None:
            stands = counters.state(self._volume.key)
            unmoved = CounterUse(self._volume.key, stands, stands)
            volume = f',"volume":{volume_text(self._volume_ends, unmoved)}'
        text = (
            f',"duration_ms":{call.duration_ms},"charged":{call.charged}'
            f',"bundles":[{bundle_text(covering)}]{volume}{_NOTHING_TO_PAY}'
        )
        return PricedCall(
            Outcome.ZERO,
            "",
            self._currency,
            0,
            call.charged,
            self._rate.destination,
            self._rate.prefix,
            sealed(self._head + text.encode()),
            (covering.use,),
        )

    def _worked_out(self, charged: int, counters: CounterBook) -> _Price:
        covering = take(self._bundles, BundleUnit.QUANTITY, charged, counters)
        paid, fee, volume, use = charged, self._fee, self._volume, None
        if covering:
            paid -= sum([each.taken for each in covering])
            if covering[0].bundle.allowance.covers_connect_fee:
                fee = _NO_FEE
        if volume is not None:
            volume = volume.standing_at(counters.state(volume.key))
        exact, amount = NOTHING, 0
        if paid or fee.micros[0]:
            cost = cost_of([(paid, self._unit_price)], volume, self._splits)
            exact = times(add(times(fee.micros, _UNIT), cost), *self._to_account)
            amount = self._rule.round_micros(*exact)
        if volume is not None:
            advance = advance_of(volume, Service.VOICE, paid, amount)
            use = volume.use(advance, amount if volume.is_whole else 0)
        return _Price(covering, paid, fee, use, exact, amount)

    def _receipt(self, begin_micros: int, call: _CountedCall, price: _Price) -> bytes:
        covering, paid, fee, use, exact, amount = price
        begin = segments = volume = ""
        if paid and self._segment_end:
            begin = f',"begin_micros":{begin_micros}'
            segments = f',"segments":[{{"units":{paid}{self._segment_end}]'
        bundles = field_text("bundles", list_text(bundle_text, covering))
        if use is not None and self._volume_ends is not None:
            volume = f',"volume":{volume_text(self._volume_ends, use)}'
        fee_steps = field_text("connect_fee_steps", steps_text(fee.steps))
        text = (
            f'{begin},"duration_ms":{call.duration_ms},"charged":{call.charged}{bundles}{segments}'
            f'{volume}{fee_steps},"exact_micros":"{exact_text(exact)}","amount_micros":{amount}'
        )
        return sealed(self._head + text.encode())


def _free_of_fee(bundles: Iterable[Bundle], fee: ConnectFee) -> Iterator[Bundle]:
    """Bundles of base units in their order, up to the first that leaves a fee to be paid."""
    usual = (bundle for bundle in bundles if bundle.allowance.unit is BundleUnit.QUANTITY)
    has_fee = fee != _NO_FEE
    return takewhile(lambda each: not has_fee or each.allowance.covers_connect_fee, usual)

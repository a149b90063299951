"""Pricing itself, without doors: by column and one by one, a long call and a short one."""

import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from chassis.database.engine import Database
from chassis.database.migrations import migrate
from services.rating.api.convert_quotes import CallReader
from services.rating.api.quote_columns import ColumnReader
from services.rating.domain.account import Customer
from services.rating.domain.bulk.pricing_columns import CallColumns, price_columns
from services.rating.domain.counters import CounterBook
from services.rating.domain.priced_call import Usage
from services.rating.domain.pricing.price_usage import price_usage
from services.rating.domain.tariffs.relation import NO_NUMBERS
from services.rating.usecases.quoting.pricing_memory import PricingBasis
from services.rating.usecases.quoting.quote_columns import PlannedColumns
from tests.bench.quote_scene import CALLS, TENANT, Scene, as_columns
from tests.conformance.rating.desk import Desk
from tollbook.rating.v1 import rating_service_pb2 as rating

ROUNDS = 15
ROUNDS_SHORT = 5
CALLS_OF_A_LENGTH = 2_000
MINUTE_MS = 60_000
TEN_HOURS_MS = 600 * MINUTE_MS


class PricingFigures(NamedTuple):
    """Medians over interleaved rounds."""

    columns: float
    """Calls a second."""
    one_by_one: float
    long_call: float
    """Microseconds."""
    short_call: float


async def measure(short: bool) -> PricingFigures:
    """Price calls of accounts whose plan has two bands; and calls by the second."""
    rounds = ROUNDS_SHORT if short else ROUNDS
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(f"sqlite:///{folder}/rating.db")
        migrate(database, "rating")
        scene = Scene(seed=3)
        desk = await scene.build(database)
        # The accounts of the three plans follow each other.
        two_bands = await _Pricing.of(desk, scene.rows(), scene.account_ids[1::3])
        by_column, singly = _interleaved(two_bands.by_column, two_bands.one_by_one, rounds)
        per_second = await _Pricing.of(desk, scene.rows(), scene.account_ids[0::3])
        long_call, short_call = _interleaved(
            lambda: per_second.calls_of(TEN_HOURS_MS),
            lambda: per_second.calls_of(MINUTE_MS),
            rounds,
        )
        database.close()
    return PricingFigures(
        CALLS / by_column,
        CALLS / singly,
        long_call / CALLS_OF_A_LENGTH * 1e6,
        short_call / CALLS_OF_A_LENGTH * 1e6,
    )


class _Pricing:
    """Calls of some accounts, ready to be priced in memory."""

    def __init__(self, desk: Desk, calls: PlannedColumns, basis: PricingBasis) -> None:
        self._tariff = basis.tariff
        self._table_of = desk.memory.table_at_hand(TENANT)
        self._customers = [basis.customers[each].customer for each in calls.account_ids]
        self._columns = CallColumns(
            self._customers,
            calls.account_places,
            calls.numbers,
            calls.lengths,
            calls.starts_micros,
            calls.begins_micros,
            calls.durations_ms,
            lambda place: self._usages[place].facts,
        )
        self._usages = [
            calls.call_at(place).usage(self._customer(place), basis.tariff, NO_NUMBERS)
            for place in range(len(calls))
        ]

    @classmethod
    async def of(
        cls, desk: Desk, rows: rating.PriceCallsRequest, account_ids: list[str]
    ) -> "_Pricing":
        """The calls of a batch, as if these accounts had made them."""
        for place, call in enumerate(rows.calls):
            call.account_id = account_ids[place % len(account_ids)]
        # Then deck and accounts are in memory.
        await desk.rating.PriceCalls(rows.SerializeToString(), None)
        columns = as_columns(rows).calls
        calls = ColumnReader(CallReader(frozenset()), columns).planned()
        return cls(desk, calls, await desk.memory.basis(TENANT, calls.account_ids))

    def by_column(self) -> None:
        """Price all at once."""
        places = np.arange(len(self._usages))
        done = price_columns(self._columns, places, self._tariff, self._table_of)
        assert sum(len(group.places) for group in done.groups) == len(places)

    def one_by_one(self) -> None:
        """Price each by the scalar path, without its receipt too."""
        for place in range(len(self._usages)):
            self._price(place, self._usages[place])

    def calls_of(self, duration_ms: int) -> None:
        """Price calls of one length."""
        usage = self._usages[0]._replace(duration_ms=duration_ms)
        for _ in range(CALLS_OF_A_LENGTH):
            self._price(0, usage)

    def _customer(self, place: int) -> Customer:
        return self._customers[self._columns.customer_places[place]]

    def _price(self, place: int, usage: Usage) -> None:
        customer = self._customer(place)
        price_usage(usage, customer, self._tariff, self._table_of, CounterBook(), False)


def _interleaved(
    first: Callable[[], None], second: Callable[[], None], rounds: int
) -> tuple[float, float]:
    """The median seconds of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for work, of_one in zip((first, second), times, strict=True):
            begin = time.perf_counter()
            work()
            if number:  # the first round is not measured: caches fill
                of_one.append(time.perf_counter() - begin)
    return statistics.median(times[0]), statistics.median(times[1])


if __name__ == "__main__":
    print(asyncio.run(measure(short=True)))

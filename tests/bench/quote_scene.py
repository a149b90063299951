"""The mix of plans that quotes are measured on, and the calls that are quoted.

A third of the accounts each: per-second prices without anything else; two time bands, split, with
an adjustment in one of them; 60/60 increments with a cap, in another currency than the accounts'.
"""

from random import Random
from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.type.decimal_pb2 import Decimal
from google.type.timeofday_pb2 import TimeOfDay

from chassis import columns
from chassis.database.engine import Database
from chassis.grpc.convert import money_to_proto
from kernel.ids import new_uuid
from kernel.money import Money
from services.rating.domain.tariffs.exchange import ExchangeRate
from services.rating.usecases.catalog.add_exchange_rates import add_exchange_rates
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NOON, seconds_later
from tests.support.operator import timestamp
from tollbook.rating.v1 import plan_pb2 as plans
from tollbook.rating.v1 import rating_service_pb2 as rating

TENANT = "acme"
CALLS = 1_000
ACCOUNTS = 48
RATES = 20_000
LONGEST_CALL_MS = 900_000
SPAN_SECONDS = 8 * 3_600


class Scene:
    """A tenant with a deck, three plans and accounts; the same for the same seed."""

    def __init__(self, seed: int = 1) -> None:
        self._rng = Random(seed)
        self.account_ids = [f"0193a7b2-5c1e-7d3f-8a4b-{number:012d}" for number in range(ACCOUNTS)]

    async def build(self, database: Database) -> Desk:
        """Fill a database through the doors of the service."""
        desk = Desk(database, TENANT)
        desk.act()
        await desk.publish_deck(self.sheet("1,1"), "per-second")
        per_second = desk.deck_id
        desk.currency = "USD"
        await desk.publish_deck(self.sheet("60,60"), "per-minute")
        per_minute = desk.deck_id
        dollar = ExchangeRate("EUR", "USD", BEGINNING, "1.0825", "ECB")
        await database.write(lambda uow: add_exchange_rates(uow, TENANT, [dollar]))
        terms: list[dict[str, Any]] = [
            {"rate_deck_ids": [per_second]},
            {"rate_deck_ids": [per_second], **two_bands()},
            {"rate_deck_ids": [per_minute], "price_caps": [_cap()]},
        ]
        plan_ids = []
        for place, of_plan in enumerate(terms):
            desk.plan_id = new_uuid()
            desk.currency = "USD" if place == 2 else "EUR"
            await desk.create_plan(code=f"plan-{place}")
            await desk.publish_terms(**of_plan)
            plan_ids.append(desk.plan_id)
        desk.currency = "EUR"
        for place, account_id in enumerate(self.account_ids):
            await desk.know_account(account_id)
            await desk.subscribe(account_id, plan_ids[place % len(plan_ids)])
        return desk

    def sheet(self, increments: str, rates: int = RATES, price: str = "") -> str:
        """A rate sheet whose prefixes nest; every number of digits finds one."""
        rng = Random(7)
        prefixes = {str(digit) for digit in range(1, 10)}
        while len(prefixes) < rates:
            prefixes.add(str(rng.randrange(10, 10 ** rng.randint(2, 7))))
        lines = (
            f"{prefix},Destination {number % 800},{price or f'0.{rng.randrange(1, 2000):04d}'}"
            f",{increments}"
            for number, prefix in enumerate(sorted(prefixes))
        )
        return "prefix,name,price,first,next\n" + "\n".join(lines) + "\n"

    def rows(self, count: int = CALLS) -> rating.PriceCallsRequest:
        """Calls in rows."""
        return rating.PriceCallsRequest(calls=[self.call() for _ in range(count)])

    def call(self) -> rating.PriceCallRequest:
        """One call."""
        rng = self._rng
        start = seconds_later(NOON, rng.randrange(SPAN_SECONDS))
        milliseconds = rng.randrange(1, LONGEST_CALL_MS)
        return rating.PriceCallRequest(
            account_id=rng.choice(self.account_ids),
            callee=str(rng.randrange(10**9, 10**11)),
            start_time=timestamp(start),
            duration=Duration(
                seconds=milliseconds // 1_000, nanos=milliseconds % 1_000 * 1_000_000
            ),
        )


def as_columns(rows: rating.PriceCallsRequest) -> rating.PriceCallColumnsRequest:
    """The same calls in columns."""
    calls = rows.calls
    table = {
        "account_id": columns.dictionary([call.account_id for call in calls]),
        "callee": columns.text([call.callee for call in calls]),
        "start_time": columns.int64(
            [call.start_time.seconds * 10**6 + call.start_time.nanos // 1_000 for call in calls]
        ),
        "duration": columns.int64(
            [call.duration.seconds * 1_000 + call.duration.nanos // 10**6 for call in calls]
        ),
    }
    return rating.PriceCallColumnsRequest(calls=columns.encode(table, len(calls)))


def two_bands() -> dict[str, object]:
    """Peak and off-peak, which costs 15 percent less."""
    off_peak = plans.Condition(time_bands=["off"])
    return {
        "time_zone": "Europe/Amsterdam",
        "time_bands": [
            plans.TimeBand(code="peak", from_time=TimeOfDay(hours=8), to_time=TimeOfDay(hours=20)),
            plans.TimeBand(code="off"),
        ],
        "adjustments": [
            plans.PriceAdjustment(code="off", when=off_peak, factor=Decimal(value="0.85"))
        ],
    }


def _cap() -> plans.PriceCap:
    return plans.PriceCap(amount=money_to_proto(Money("USD", 5_000_000)))

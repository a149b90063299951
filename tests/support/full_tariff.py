"""All that a tariff can hold, at one small operator: bands, bundles, tiers, resellers, suppliers.

Prices are round, so that a test can do the sums in its head. A dollar is 0.80 euros.
"""

from dataclasses import dataclass
from typing import Any

from google.type.dayofweek_pb2 import DayOfWeek
from google.type.decimal_pb2 import Decimal
from google.type.money_pb2 import Money
from google.type.timeofday_pb2 import TimeOfDay

from kernel.ids import new_uuid
from tests.support.operator import BEFORE, Operator, timestamp
from tests.support.suite import request_id
from tollbook.rating.v1 import exchange_rate_pb2, plan_pb2, rate_deck_pb2, supplier_pb2
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1 import supplier_service_pb2 as suppliers
from tollbook.rating.v1 import supplier_service_pb2_grpc as supplier_grpc
from tollbook.rating.v1 import tariff_service_pb2 as tariff
from tollbook.rating.v1 import tariff_service_pb2_grpc as tariff_grpc
from tollbook.rating.v1.service_pb2 import (
    SERVICE_DATA,
    SERVICE_DID_RENTAL,
    SERVICE_SMS,
    SERVICE_VOICE,
)

EXCHANGE_SOURCE = "bank of the test"
WORKING_DAYS = (
    DayOfWeek.MONDAY,
    DayOfWeek.TUESDAY,
    DayOfWeek.WEDNESDAY,
    DayOfWeek.THURSDAY,
    DayOfWeek.FRIDAY,
)
MAPPING = rate_deck_pb2.RateDeckMapping(
    prefix_column="prefix",
    price_column="price",
    destination_column="destination",
    first_increment_column="first",
    next_increment_column="next",
)
HEADER = "prefix,destination,price,first,next\n"


@dataclass(frozen=True, slots=True)
class PlacedDeck:
    """A deck of a code: its currency, its service, its rows."""

    code: str
    currency: str
    rows: str
    service: Any = SERVICE_VOICE


RETAIL = PlacedDeck(
    "retail", "EUR", "31,Netherlands,0.06,1,1\n316,Dutch mobile,0.12,60,60\n44,Britain,0.03,30,6\n"
)
FAR = PlacedDeck("far", "USD", "81,Japan,0.30,1,1\n")
MESSAGES = PlacedDeck("messages", "EUR", "31,Text message,0.05,1,1\n", SERVICE_SMS)
DATA = PlacedDeck("data", "EUR", "204,Data,0.01,1,1\n", SERVICE_DATA)
NUMBERS = PlacedDeck("numbers", "EUR", "31,Dutch number,1.50,1,1\n", SERVICE_DID_RENTAL)
WHOLESALE = PlacedDeck(
    "wholesale",
    "EUR",
    "31,Netherlands,0.03,1,1\n316,Dutch mobile,0.06,1,1\n44,Britain,0.02,1,1\n81,Japan,0.15,1,1\n",
)
CARRIER = PlacedDeck("carrier", "USD", "31,Netherlands,0.025,1,1\n81,Japan,0.10,1,1\n")
OTHER_CARRIER = PlacedDeck("other-carrier", "EUR", "31,Netherlands,0.05,1,1\n")


def voice(*prefixes: str, **more: Any) -> plan_pb2.Condition:
    """Calls to these prefixes."""
    return plan_pb2.Condition(service=SERVICE_VOICE, destination_prefixes=prefixes, **more)


def tiers(code: str, prefix: str, mode: int, from_seconds: int, factor: str) -> Any:
    """Another factor for a prefix from some seconds of a billing period on."""
    whole = plan_pb2.TierPrice(factor=Decimal(value="1"))
    lower = plan_pb2.TierPrice(factor=Decimal(value=factor))
    return plan_pb2.VolumeTiers(
        code=code,
        when=voice(prefix),
        measure=plan_pb2.MEASURE_QUANTITY,
        mode=mode,  # type: ignore[arg-type]
        tiers=[
            plan_pb2.VolumeTier(from_count=0, price=whole),
            plan_pb2.VolumeTier(from_count=from_seconds, price=lower),
        ],
    )


RETAIL_TERMS = plan_pb2.PlanRevision(
    time_zone="Europe/Amsterdam",
    time_bands=[
        plan_pb2.TimeBand(
            code="peak",
            weekdays=WORKING_DAYS,
            from_time=TimeOfDay(hours=8),
            to_time=TimeOfDay(hours=18),
        ),
        plan_pb2.TimeBand(code="off-peak"),
    ],
    adjustments=[
        plan_pb2.PriceAdjustment(
            code="evening-half", when=voice(time_bands=["off-peak"]), factor=Decimal(value="0.5")
        )
    ],
    bundles=[
        plan_pb2.BundleAllowance(
            code="mobile-minutes",
            when=voice("316"),
            unit=plan_pb2.BUNDLE_UNIT_QUANTITY,
            quantity=120,
        )
    ],
    volume_tiers=[
        tiers("britain", "44", plan_pb2.VOLUME_MODE_GRADUATED, 60, "0.5"),
        tiers("japan", "81", plan_pb2.VOLUME_MODE_WHOLE_VOLUME, 60, "0.75"),
    ],
    fees=[
        plan_pb2.Fee(
            code="setup",
            display_name="Number set-up",
            amount=Money(currency_code="EUR", units=5),
        )
    ],
)


class FullOperator(Operator):
    """An operator with a retail plan of everything, a reseller's plan, and two suppliers."""

    async def set_up_tariff(self) -> None:
        """Create decks, exchange rate, plans and suppliers."""
        await self._set_up_exchange()
        decks = {
            deck.code: await self.publish_deck(deck)
            for deck in (
                *(RETAIL, FAR, MESSAGES, DATA, NUMBERS),
                *(WHOLESALE, CARRIER, OTHER_CARRIER),
            )
        }
        other_services = [decks[name] for name in ("messages", "data", "numbers")]
        self.retail_id = await self.publish_plan(
            "full", RETAIL_TERMS, [decks["retail"], decks["far"], *other_services]
        )
        self.wholesale_id = await self.publish_plan(
            "wholesale", plan_pb2.PlanRevision(), [decks["wholesale"], *other_services]
        )
        await self.create_supplier("carrier", decks["carrier"])
        await self.create_supplier("other-carrier", decks["other-carrier"])

    async def _set_up_exchange(self) -> None:
        """A dollar is 0.80 euros, and margins are counted in euros."""
        rate = exchange_rate_pb2.ExchangeRate(
            from_currency_code="USD",
            to_currency_code="EUR",
            effective_time=timestamp(BEFORE),
            rate=Decimal(value="0.80"),
            source=EXCHANGE_SOURCE,
        )
        rates = self.suite.stub(tariff_grpc.ExchangeRateServiceStub, self.tenant_id)
        added = await rates.AddExchangeRates(
            tariff.AddExchangeRatesRequest(exchange_rates=[rate], request_id=request_id())
        )
        assert added.results[0].HasField("exchange_rate"), added.results[0].error
        profile = self.suite.stub(tariff_grpc.RatingProfileServiceStub, self.tenant_id)
        await profile.SetBaseCurrency(
            tariff.SetBaseCurrencyRequest(base_currency_code="EUR", request_id=request_id())
        )

    async def publish_deck(self, deck: PlacedDeck) -> str:
        """Import a deck and put it into force; its id."""
        header = rating.ImportRateDeckHeader(
            rate_deck_code=deck.code,
            currency_code=deck.currency,
            mapping=MAPPING,
            service=deck.service,
            request_id=request_id(),
        )
        pieces = [
            rating.ImportRateDeckRequest(header=header),
            rating.ImportRateDeckRequest(rates_content=(HEADER + deck.rows).encode()),
        ]
        decks = self.suite.stub(rating_grpc.RateDeckServiceStub, self.tenant_id)
        imported = await decks.ImportRateDeck(iter(pieces))
        assert not imported.rejected_count, imported.rejected_rows
        await decks.PublishRateDeckVersion(
            rating.PublishRateDeckVersionRequest(
                rate_deck_version_id=imported.version.rate_deck_version_id,
                effective_time=timestamp(BEFORE),
                request_id=request_id(),
            )
        )
        return imported.rate_deck.rate_deck_id

    async def publish_plan(
        self, code: str, terms: plan_pb2.PlanRevision, deck_ids: list[str]
    ) -> str:
        """Create a plan in euros with these terms; its id."""
        plan = plan_pb2.Plan(
            plan_id=new_uuid(), code=code, display_name=code.title(), currency_code="EUR"
        )
        plans = self.suite.stub(rating_grpc.PlanServiceStub, self.tenant_id)
        await plans.CreatePlan(rating.CreatePlanRequest(plan=plan, request_id=request_id()))
        revision = plan_pb2.PlanRevision(
            effective_time=timestamp(BEFORE), rate_deck_ids=deck_ids, price_decimals=6
        )
        revision.MergeFrom(terms)
        await plans.PublishPlanRevision(
            rating.PublishPlanRevisionRequest(
                plan_id=plan.plan_id, revision=revision, request_id=request_id()
            )
        )
        return plan.plan_id

    async def create_supplier(self, code: str, deck_id: str) -> None:
        """Create a supplier with a deck, behind a trunk of its name."""
        supplier = supplier_pb2.Supplier(
            code=code, display_name=code.title(), rate_deck_ids=[deck_id], trunks=[f"{code}-trunk"]
        )
        stub = self.suite.stub(supplier_grpc.SupplierServiceStub, self.tenant_id)
        await stub.CreateSupplier(
            suppliers.CreateSupplierRequest(supplier=supplier, request_id=request_id())
        )

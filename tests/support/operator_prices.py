"""What calls cost at the tests' operator: a deck with round prices, and a plan."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from tests.support.suite import Suite, request_id
from tollbook.rating.v1 import plan_pb2 as plan
from tollbook.rating.v1 import rate_deck_pb2 as rate_deck
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

# prefix, destination, price of a minute, first and next increment
DECK = """prefix,destination,price,first,next
31,Netherlands,0.0600,1,1
316,Netherlands Mobile,0.1200,60,60
44,United Kingdom,0.0300,30,6
1,North America,0.0100,6,6
882,Satellite,6.0000,60,60
"""


@dataclass(frozen=True, slots=True)
class Deck:
    """A rate deck as it is published, and how it is to be read."""

    rates: bytes
    mapping: rate_deck.RateDeckMapping
    destinations: bytes = b""
    rejected_count: int = 0


ROUND_DECK = Deck(
    DECK.encode(),
    rate_deck.RateDeckMapping(
        prefix_column="prefix",
        price_column="price",
        destination_column="destination",
        first_increment_column="first",
        next_increment_column="next",
    ),
)


async def publish_deck(
    suite: Suite, tenant_id: str, currency: str, deck: Deck, since: datetime
) -> str:
    """Import a deck and put it into force; its id."""
    decks = suite.stub(rating_grpc.RateDeckServiceStub, tenant_id)

    async def pieces() -> AsyncIterator[rating.ImportRateDeckRequest]:
        header = rating.ImportRateDeckHeader(
            rate_deck_code="standard",
            currency_code=currency,
            mapping=deck.mapping,
            request_id=request_id(),
        )
        yield rating.ImportRateDeckRequest(header=header)
        yield rating.ImportRateDeckRequest(rates_content=deck.rates)
        if deck.destinations:
            yield rating.ImportRateDeckRequest(destinations_content=deck.destinations)

    imported = await decks.ImportRateDeck(pieces())
    assert imported.rejected_count == deck.rejected_count, imported.rejected_rows
    await decks.PublishRateDeckVersion(
        rating.PublishRateDeckVersionRequest(
            rate_deck_version_id=imported.version.rate_deck_version_id,
            effective_time=Timestamp(seconds=int(since.timestamp())),
            request_id=request_id(),
        )
    )
    return imported.rate_deck.rate_deck_id


async def publish_plan(
    suite: Suite, tenant_id: str, created: plan.Plan, terms: plan.PlanRevision
) -> None:
    """Create a plan with its first terms."""
    plans = suite.stub(rating_grpc.PlanServiceStub, tenant_id)
    await plans.CreatePlan(rating.CreatePlanRequest(plan=created, request_id=request_id()))
    await plans.PublishPlanRevision(
        rating.PublishPlanRevisionRequest(
            plan_id=created.plan_id, revision=terms, request_id=request_id()
        )
    )

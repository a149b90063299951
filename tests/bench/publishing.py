"""A deck of 200,000 rows is imported and published while 1,000 calls a second are priced.

Each request asks for ten calls to the same number. No request may fail, and no answer may have
prices of two versions.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import grpc

from chassis.grpc.convert import time_to_proto
from chassis.grpc.transport import CHANNEL_OPTIONS
from kernel.ids import new_uuid
from tests.bench.quote_scene import Scene
from tests.bench.unary import Contender
from tests.conformance.rating.records import BEGINNING, NOON, seconds_later
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1.rate_deck_pb2 import RateDeckMapping

ROWS = 200_000
CALLS_A_REQUEST = 10
REQUESTS_A_SECOND = 100
PIECE_BYTES = 2**20
DEADLINE_SECONDS = 5.0
PUBLISH_SECONDS_MAX = 120.0
NEW_PRICE = "0.5"


async def publish_under_load(server: Contender) -> tuple[float, float]:
    """Calls a second that were answered, and that were offered."""
    async with grpc.aio.insecure_channel(server.address, CHANNEL_OPTIONS) as channel:
        load = _Load(rating_grpc.RatingServiceStub(channel), server)
        pricing = asyncio.create_task(load.run())
        begin = time.perf_counter()
        async with asyncio.timeout(PUBLISH_SECONDS_MAX):
            await _publish(rating_grpc.RateDeckServiceStub(channel), server)
            await load.new_price.wait()
        seconds = time.perf_counter() - begin
        load.is_over = True
        await pricing
    answered = sum(moment < begin + seconds for moment in load.answered) * CALLS_A_REQUEST
    return answered / seconds, REQUESTS_A_SECOND * CALLS_A_REQUEST


class _Load:
    """Requests at a steady pace, whether or not earlier ones are answered."""

    def __init__(self, stub: Any, server: Contender) -> None:
        self._stub = stub
        self._credentials = server.credentials
        scene = Scene()
        call = scene.call()
        # An account whose plan has no bands: the price of a minute tells the version.
        call.account_id, call.duration.seconds, call.duration.nanos = scene.account_ids[0], 60, 0
        call.start_time.FromDatetime(NOON)
        self._request = rating.PriceCallsRequest(calls=[call] * CALLS_A_REQUEST)
        self.answered: list[float] = []
        self.new_price = asyncio.Event()
        self.is_over = False

    async def run(self) -> None:
        """Ask until it is over. Fails when a request does, or an answer mixes prices."""
        begin, sent = time.perf_counter(), 0
        async with asyncio.TaskGroup() as group:
            while not self.is_over:
                group.create_task(self._ask())
                sent += 1
                await asyncio.sleep(begin + sent / REQUESTS_A_SECOND - time.perf_counter())

    async def _ask(self) -> None:
        answer = await self._stub.PriceCalls(
            self._request, metadata=self._credentials, timeout=DEADLINE_SECONDS
        )
        prices = {result.price.amount.SerializeToString() for result in answer.results}
        assert len(prices) == 1, "an answer has prices of two versions"
        assert not any(result.HasField("error") for result in answer.results)
        self.answered.append(time.perf_counter())
        if answer.results[0].price.amount.nanos == 500_000_000:
            self.new_price.set()


async def _publish(stub: Any, server: Contender) -> None:
    imported = await stub.ImportRateDeck(_pieces(), metadata=server.credentials)
    request = rating.PublishRateDeckVersionRequest(
        rate_deck_version_id=imported.version.rate_deck_version_id,
        effective_time=time_to_proto(seconds_later(BEGINNING, 1)),
        request_id=new_uuid(),
    )
    await stub.PublishRateDeckVersion(request, metadata=server.credentials)


async def _pieces() -> AsyncIterator[rating.ImportRateDeckRequest]:
    header = rating.ImportRateDeckHeader(
        rate_deck_code="per-second",
        currency_code="EUR",
        mapping=RateDeckMapping(
            prefix_column="prefix",
            price_column="price",
            destination_column="name",
            first_increment_column="first",
            next_increment_column="next",
        ),
        request_id=new_uuid(),
    )
    yield rating.ImportRateDeckRequest(header=header)
    content = Scene().sheet("1,1", ROWS, NEW_PRICE).encode()
    for place in range(0, len(content), PIECE_BYTES):
        yield rating.ImportRateDeckRequest(rates_content=content[place : place + PIECE_BYTES])

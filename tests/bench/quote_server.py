"""The two servers that quotes are measured on: rating's doors, and a bare grpc.aio echo.

The first is what a replica serves (chassis, memory that watches the database, doors), without the
bus. The second answers every call with bytes that the first one answered to the same call.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import grpc
import uvloop

from chassis.database.engine import Database
from chassis.database.migrations import migrate
from chassis.grpc.server import GrpcServer, Servicer
from chassis.grpc.transport import SERVER_OPTIONS
from chassis.service import spare_the_collector
from chassis.settings import CommonSettings, read_settings
from chassis.telemetry.setup import set_up_telemetry
from tests.bench.quote_scene import Scene
from tests.bench.unary_server import RATING_SERVICE
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

READY = "ready"


class Echo(rating_grpc.RatingServiceServicer):
    """Answers each method always alike."""

    def __init__(self, folder: Path) -> None:
        def answer(name: str, kind: Any) -> Any:
            return kind.FromString((folder / name).read_bytes())

        self._one = answer("PriceCall", rating.PriceCallResponse)
        self._rows = answer("PriceCalls", rating.PriceCallsResponse)
        self._columns = answer("PriceCallColumns", rating.PriceCallColumnsResponse)

    async def PriceCall(self, request: Any, context: Any) -> rating.PriceCallResponse:
        """Answer at once."""
        return self._one

    async def PriceCalls(self, request: Any, context: Any) -> rating.PriceCallsResponse:
        """Answer at once."""
        return self._rows

    async def PriceCallColumns(self, request: Any, context: Any) -> rating.PriceCallColumnsResponse:
        """Answer at once."""
        return self._columns


async def serve_echo(folder: Path, settings: CommonSettings) -> None:
    """Serve as a tutorial of grpc.aio does."""
    server = grpc.aio.server(options=SERVER_OPTIONS)
    echo = Echo(folder)  # type: ignore[abstract]  # what is not measured is not answered
    rating_grpc.add_RatingServiceServicer_to_server(echo, server)
    server.add_insecure_port(settings.listen_address)
    await server.start()
    print(READY, flush=True)
    await asyncio.Event().wait()


async def serve_rating(folder: Path, settings: CommonSettings) -> None:
    """Serve a replica's doors over a database with the scene."""
    set_up_telemetry("rating", settings)
    database = Database.open(f"sqlite:///{folder}/rating.db")
    migrate(database, "rating")
    desk = await Scene().build(database)
    servicers = [
        Servicer(rating_grpc.add_RatingServiceServicer_to_server, desk.rating, RATING_SERVICE),
        Servicer(
            rating_grpc.add_RateDeckServiceServicer_to_server,
            desk.decks,
            "tollbook.rating.v1.RateDeckService",
        ),
    ]
    server = GrpcServer(servicers, settings)
    await server.start()
    spare_the_collector()
    print(READY, flush=True)
    await desk.watch.run()


def main() -> None:
    """Serve the kind of server that the command line names."""
    # rating runs on the loop that it has in operation, the echo on asyncio's own.
    run, serve = {"echo": (asyncio.run, serve_echo), "rating": (uvloop.run, serve_rating)}[
        sys.argv[1]
    ]
    run(serve(Path(sys.argv[2]), read_settings(CommonSettings, os.environ)))


if __name__ == "__main__":
    main()

"""The two servers that unary calls are measured on: a bare grpc.aio echo, and the chassis.

Both answer PriceCall at once, with an answer that they were given; only the way in differs.
"""

import asyncio
import os
import sys
from typing import Any

import grpc
import uvloop

from chassis.grpc.server import GrpcServer, Servicer
from chassis.security.caller import current_caller
from chassis.service import spare_the_collector
from chassis.settings import CommonSettings, read_settings
from chassis.telemetry.setup import set_up_telemetry
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

RATING_SERVICE = "tollbook.rating.v1.RatingService"


class Echo(rating_grpc.RatingServiceServicer):
    """Answers every call alike."""

    def __init__(self, answer: rating.PriceCallResponse) -> None:
        self._answer = answer

    async def PriceCall(self, request: Any, context: Any) -> rating.PriceCallResponse:
        """Answer at once."""
        return self._answer


class EchoForCallers(Echo):
    """Asks who is calling, as every servicer behind the chassis does."""

    async def PriceCall(self, request: Any, context: Any) -> rating.PriceCallResponse:
        """Answer at once, to a caller of a tenant."""
        assert current_caller().tenant_id
        return self._answer


async def serve_bare(answer: rating.PriceCallResponse, settings: CommonSettings) -> None:
    """Serve as a tutorial of grpc.aio does."""
    server = grpc.aio.server()
    rating_grpc.add_RatingServiceServicer_to_server(
        Echo(answer),  # type: ignore[abstract] # it serves one method of the contract
        server,
    )
    server.add_insecure_port(settings.listen_address)
    await server.start()
    await asyncio.Event().wait()


async def serve_chassis(answer: rating.PriceCallResponse, settings: CommonSettings) -> None:
    """Serve as every service here does."""
    set_up_telemetry("rating", settings)
    echo = EchoForCallers(answer)  # type: ignore[abstract] # as above
    add = rating_grpc.add_RatingServiceServicer_to_server
    server = GrpcServer([Servicer(add, echo, RATING_SERVICE)], settings)
    await server.start()
    spare_the_collector()
    await asyncio.Event().wait()


def main() -> None:
    """Serve the kind of server and the answer that the command line names."""
    kind, answer = sys.argv[1], rating.PriceCallResponse.FromString(bytes.fromhex(sys.argv[2]))
    # The chassis runs on the loop that it has in operation, the echo on asyncio's own.
    run, serve = {"bare": (asyncio.run, serve_bare), "chassis": (uvloop.run, serve_chassis)}[kind]
    run(serve(answer, read_settings(CommonSettings, os.environ)))


if __name__ == "__main__":
    main()

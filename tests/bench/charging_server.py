"""A bare grpc.aio echo of ChargingService: each method answers at once, and always alike."""

import asyncio
import sys
from typing import Any

import grpc

from chassis.grpc.transport import SERVER_OPTIONS
from tollbook.rating.v1 import charging_service_pb2 as charging
from tollbook.rating.v1 import charging_service_pb2_grpc as charging_grpc
from tollbook.rating.v1.charging_pb2 import ChargingAnswer


class Echo(charging_grpc.ChargingServiceServicer):
    """Answers with what rating answered first."""

    def __init__(self, answer: ChargingAnswer) -> None:
        self._open = charging.OpenSessionResponse(answer=answer)
        self._extend = charging.ExtendSessionResponse(answer=answer)
        self._close = charging.CloseSessionResponse(answer=answer)

    async def OpenSession(self, request: Any, context: Any) -> charging.OpenSessionResponse:
        """Answer at once."""
        return self._open

    async def ExtendSession(self, request: Any, context: Any) -> charging.ExtendSessionResponse:
        """Answer at once."""
        return self._extend

    async def CloseSession(self, request: Any, context: Any) -> charging.CloseSessionResponse:
        """Answer at once."""
        return self._close


async def serve(address: str, answer: ChargingAnswer) -> None:
    """Serve as a tutorial of grpc.aio does."""
    server = grpc.aio.server(options=SERVER_OPTIONS)
    echo = Echo(answer)  # type: ignore[abstract]  # what is not measured is not answered
    charging_grpc.add_ChargingServiceServicer_to_server(echo, server)
    server.add_insecure_port(address)
    await server.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], ChargingAnswer.FromString(bytes.fromhex(sys.argv[2]))))

"""Server CPU of a small call: through the whole chassis, beside a bare grpc.aio echo.

Both servers are processes of their own and answer the same request with the same answer. Calls of
the chassis carry a token, a deadline and a trace, of which one in a hundred is sampled; its spans
and metrics go to a collector. Calls of the echo carry nothing.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration
from google.type.money_pb2 import Money

from chassis.grpc.transport import CHANNEL_OPTIONS
from chassis.security.authority import LocalAuthority
from deploy.local.ports import LOOPBACK, free_port
from tests.integration.chassis.otlp_collector import otlp_collector
from tests.support.operator import MONTH, timestamp
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

CALLERS = 8
# Rounds are short and many: what else the machine does meets all contenders alike.
CALLS_A_ROUND = 400
WARMING_ROUNDS = 5
ROUNDS = 60
ROUNDS_SHORT = 20
CALLS_A_SAMPLED_TRACE = 100
DEADLINE_SECONDS = 5.0
START_SECONDS_MAX = 60.0
TOKEN_SECONDS = 3_600
# The clock of another process, as clock_getcpuclockid(3) makes it, which Python does not have.
CPU_CLOCK_OF_PROCESS = 2

Metadata = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Contender:
    """A running server whose CPU a call costs; `credentials` is what its calls carry, if any."""

    pid: int
    address: str
    credentials: Metadata = ()


@dataclass(frozen=True, slots=True)
class UnaryCost:
    """Microseconds of server CPU that a call costs, medians over rounds."""

    chassis: float
    bare: float


async def measure(short: bool) -> UnaryCost:
    """Measure a trivial handler behind the chassis beside the bare echo."""
    request, answer = price_call(), rating.PriceCallResponse(amount=Money(currency_code="EUR"))
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        authority = LocalAuthority.open(Path(folder))
        token = authority.mint("bench", "aurora", ["rating.price"], TOKEN_SECONDS)
        async with otlp_collector() as collector:
            environment = {
                "TRUSTED_KEYS_FILE": str(authority.trusted_keys_file),
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
                "TRACE_SAMPLE_PERCENT": str(100 // CALLS_A_SAMPLED_TRACE),
            }
            chassis = stack.enter_context(echo("chassis", answer, environment))
            bare = stack.enter_context(echo("bare", answer, {}))
            callers = [
                Contender(*chassis, (("authorization", f"Bearer {token}"),)),
                Contender(*bare),
            ]
            return UnaryCost(*await server_cpu(callers, request, ROUNDS_SHORT if short else ROUNDS))


def price_call() -> rating.PriceCallRequest:
    """An ordinary question."""
    return rating.PriceCallRequest(
        account_id="0193a7b2-5c1e-7d3f-8a4b-1c2d3e4f5a6b",
        callee="31612345678",
        start_time=timestamp(MONTH),
        duration=Duration(seconds=61),
    )


@contextmanager
def echo(
    kind: str, answer: rating.PriceCallResponse, environment: dict[str, str]
) -> Iterator[tuple[int, str]]:
    """Run a "bare" or a "chassis" echo in a process of its own; yield its id and address."""
    address = f"{LOOPBACK}:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.unary_server", kind, answer.SerializeToString().hex()],
        env={**os.environ, **environment, "LISTEN_ADDRESS": address},
    )
    try:
        yield process.pid, address
    finally:
        process.terminate()
        process.wait()


async def server_cpu(
    contenders: Sequence[Contender], request: rating.PriceCallRequest, rounds: int
) -> list[float]:
    """Microseconds of server CPU a call costs each contender, in turn round by round; medians."""
    loads = [_Load(contender, request) for contender in contenders]
    measured = [
        [await load.microseconds_a_call() for load in loads] for _ in range(WARMING_ROUNDS + rounds)
    ][WARMING_ROUNDS:]
    for load in loads:
        await load.close()
    return [statistics.median(of_one) for of_one in zip(*measured, strict=True)]


class _Load:
    """Calls from several callers at once, over one connection."""

    def __init__(self, contender: Contender, request: rating.PriceCallRequest) -> None:
        self._contender = contender
        self._request = request
        self._channel = grpc.aio.insecure_channel(contender.address, CHANNEL_OPTIONS)
        self._stub: Any = rating_grpc.RatingServiceStub(self._channel)
        self._called = 0

    async def microseconds_a_call(self) -> float:
        """Make the calls of a round."""
        await asyncio.wait_for(self._channel.channel_ready(), START_SECONDS_MAX)
        before = cpu_seconds(self._contender.pid)
        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(self._call(CALLS_A_ROUND // CALLERS))
        return (cpu_seconds(self._contender.pid) - before) / CALLS_A_ROUND * 1e6

    async def _call(self, count: int) -> None:
        for _ in range(count):
            if self._contender.credentials:
                await self._stub.PriceCall(
                    self._request, timeout=DEADLINE_SECONDS, metadata=self._metadata()
                )
            else:
                await self._stub.PriceCall(self._request)

    def _metadata(self) -> Metadata:
        self._called += 1
        sampled = self._called % CALLS_A_SAMPLED_TRACE == 0
        traceparent = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-{sampled:02x}"
        return (*self._contender.credentials, ("traceparent", traceparent))

    async def close(self) -> None:
        """Hang up."""
        await self._channel.close()


def cpu_seconds(pid: int) -> float:
    """The CPU that all threads of a process have used, in user and kernel mode."""
    return time.clock_gettime(~pid << 3 | CPU_CLOCK_OF_PROCESS)


if __name__ == "__main__":
    cost = asyncio.run(measure(short="short" in sys.argv))
    print(f"{cost}: ratio {cost.chassis / cost.bare:.3f}")

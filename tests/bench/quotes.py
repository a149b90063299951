"""Quotes, which store nothing: batches of 1,000 calls over gRPC, and single calls.

Batches stand beside a bare echo: a grpc.aio server without anything else, which parses the same
request and writes the same answer, both whole messages of a thousand calls, and does nothing in
between. Of columns that is a handful of long fields, so that the echo is little more than a round
trip; of rows it is a thousand messages each way, which protobuf reads and writes in C. A call's
server CPU stands beside that of the echo too. Servers are processes of their own, asked in turn by
one client with one request under way; times are round trips, the client's own work included.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from chassis.grpc.transport import CHANNEL_OPTIONS
from chassis.security.authority import LocalAuthority
from deploy.local.ports import LOOPBACK, free_port
from tests.bench.publishing import publish_under_load
from tests.bench.quote_scene import CALLS, TENANT, Scene, as_columns
from tests.bench.quote_server import READY
from tests.bench.unary import CALLS_A_SAMPLED_TRACE, Contender, server_cpu
from tests.integration.chassis.otlp_collector import otlp_collector
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

ROUNDS = 40
ROUNDS_SHORT = 12
BATCHES_A_ROUND = 10
UNARY_ROUNDS = 7
UNARY_ROUNDS_SHORT = 3
TOKEN_SECONDS = 3_600
SCOPES = ["rating.price", "rating.manage"]

Stub = Any


class BatchRates(NamedTuple):
    """Calls a second, medians over rounds."""

    rating: float
    echo: float


class QuoteFigures(NamedTuple):
    """What was measured."""

    columns: BatchRates
    rows: BatchRates
    unary_microseconds: tuple[float, float]
    """Server CPU of a call: rating, echo."""
    answered_while_publishing: tuple[float, float]
    """Calls a second while a deck is published: answered, offered."""


async def measure(short: bool) -> QuoteFigures:
    """Measure batches and single calls."""
    rows = Scene(seed=2).rows()
    requests: dict[str, Any] = {
        "PriceCall": rows.calls[0],
        "PriceCalls": rows,
        "PriceCallColumns": as_columns(rows),
    }
    requests["PriceCall"].receipt_detail = rating.RECEIPT_DETAIL_NONE
    async with AsyncExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory())
        folder = Path(name)
        authority = LocalAuthority.open(folder)
        token = authority.mint("bench", TENANT, SCOPES, TOKEN_SECONDS)
        collector = await stack.enter_async_context(otlp_collector())
        environment = {
            "TRUSTED_KEYS_FILE": str(authority.trusted_keys_file),
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint,
            "TRACE_SAMPLE_PERCENT": str(100 // CALLS_A_SAMPLED_TRACE),
        }
        credentials = (("authorization", f"Bearer {token}"),)
        served = stack.enter_context(server("rating", folder, environment))
        real = Contender(*served, credentials)
        for method, request in requests.items():
            answer = await _ask(real, method, request)
            (folder / method).write_bytes(answer.SerializeToString())
        echo = Contender(*stack.enter_context(server("echo", folder, {})))
        rounds = ROUNDS_SHORT if short else ROUNDS
        return QuoteFigures(
            await _rates([real, echo], "PriceCallColumns", requests["PriceCallColumns"], rounds),
            await _rates([real, echo], "PriceCalls", rows, rounds),
            await _unary([real, echo], requests["PriceCall"], short),
            await publish_under_load(real),
        )


async def _unary(
    contenders: list[Contender], request: rating.PriceCallRequest, short: bool
) -> tuple[float, float]:
    ours, echo = await server_cpu(
        contenders, request, UNARY_ROUNDS_SHORT if short else UNARY_ROUNDS
    )
    return ours, echo


@contextmanager
def server(kind: str, folder: Path, environment: dict[str, str]) -> Iterator[tuple[int, str]]:
    """Run a server in a process of its own; yield its id and address once it is ready."""
    address = f"{LOOPBACK}:{free_port()}"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.quote_server", kind, str(folder)],
        env={**os.environ, **environment, "LISTEN_ADDRESS": address},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None, "it is a pipe"
        assert any(line.strip() == READY for line in process.stdout), f"{kind} did not start"
        yield process.pid, address
    finally:
        process.terminate()
        process.wait()


async def _ask(contender: Contender, method: str, request: Any) -> Any:
    async with grpc.aio.insecure_channel(contender.address, CHANNEL_OPTIONS) as channel:
        stub: Stub = rating_grpc.RatingServiceStub(channel)
        return await getattr(stub, method)(request, metadata=contender.credentials)


async def _rates(contenders: list[Contender], method: str, request: Any, rounds: int) -> BatchRates:
    """Calls a second of each, in turn round by round."""
    times: list[list[float]] = [[] for _ in contenders]
    channels = [grpc.aio.insecure_channel(each.address, CHANNEL_OPTIONS) for each in contenders]
    calls = [getattr(rating_grpc.RatingServiceStub(channel), method) for channel in channels]
    for number in range(rounds + 1):
        for call, contender, of_one in zip(calls, contenders, times, strict=True):
            begin = time.perf_counter()
            for _ in range(BATCHES_A_ROUND):
                await call(request, metadata=contender.credentials)
            if number:  # the first round is not measured: caches fill
                of_one.append((time.perf_counter() - begin) / BATCHES_A_ROUND)
    for channel in channels:
        await channel.close()
    return BatchRates(*(CALLS / statistics.median(of_one) for of_one in times))


if __name__ == "__main__":
    figures = asyncio.run(measure(short="short" in sys.argv))
    for name, (ours, floor) in figures._asdict().items():
        print(f"{name}: {ours:,.0f} beside {floor:,.0f}: {ours / floor:.3f}")

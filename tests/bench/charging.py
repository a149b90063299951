"""Charging calls while they run, over gRPC, with the suite's processes and a real database.

A cycle is a call: open, extend, close. Rates of calls that share one balance stand beside those of
calls that share none; CPU of the servers stands beside that of a bare grpc.aio echo of the same
three calls. The time of a hold is measured at half of what the suite sustains (every service has
done all that follows from the calls), with calls that begin when it is their turn, and the echo's
time at the same rate beside it.
"""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, NamedTuple

import grpc

from deploy.local.ports import LOOPBACK, free_port
from tests.bench.charging_load import CALLERS, Load, percentile
from tests.bench.unary import START_SECONDS_MAX
from tests.support.operator import Operator
from tests.support.suite import Suite, running_suite
from tollbook.rating.v1.charging_pb2 import VERDICT_GRANTED, ChargingAnswer

TENANT = "aurora"
ACCOUNTS = 64
# Each cycle takes the money of less than a minute; nobody runs out.
WALLET_UNITS = 1_000_000
ROUNDS = 7
ROUNDS_SHORT = 2
CYCLES_A_ROUND = 3 * CALLERS
SUSTAINED_ROUNDS = 4
OFFERED_SECONDS = 20
OFFERED_SECONDS_SHORT = 3
P99 = 99
CALLS_RATED = "tollbook.rating.v1.CallsRated"


class Charging(NamedTuple):
    """What was measured on one database."""

    hot: float
    """Cycles a second on one balance."""
    spread: float
    """Cycles a second on many."""
    rating_cpu: float
    """Microseconds of a cycle."""
    payment_cpu: float
    echo_cpu: float
    """Of three calls."""
    half_load: float
    """Half the cycles a second that the suite sustains."""
    hold_p99: float
    """Milliseconds of an open at half load."""
    echo_p99: float


async def measure(database: Literal["sqlite", "postgresql"], short: bool) -> Charging:
    """Measure on one database."""
    codes = [f"desk-{number}" for number in range(ACCOUNTS)]
    async with running_suite(database) as suite, _echo() as (echo_pid, echo_channel):
        operator = Operator(suite, TENANT)
        await operator.set_up([])
        await operator.create_prepaid_accounts(dict.fromkeys(codes, WALLET_UNITS))
        account_ids = list(operator.accounts.values())
        channel = suite.channel("rating", TENANT)
        loads = _Loads(
            hot=Load(channel, account_ids[:1]),
            spread=Load(channel, account_ids),
            echo=Load(echo_channel, account_ids),
        )
        rounds = ROUNDS_SHORT if short else ROUNDS
        measured = await _rounds(suite, loads, echo_pid, rounds)
        half_load = await _sustained(suite, loads.spread) / 2
        seconds = OFFERED_SECONDS_SHORT if short else OFFERED_SECONDS
        hold_p99 = await _p99(loads.spread, half_load, seconds)
        echo_p99 = await _p99(loads.echo, half_load, seconds)
        return Charging(*measured, half_load, hold_p99, echo_p99)


class _Loads(NamedTuple):
    hot: Load
    spread: Load
    echo: Load


async def _rounds(
    suite: Suite, loads: _Loads, echo_pid: int, rounds: int
) -> tuple[float, float, float, float, float]:
    """Rates of hot and spread; CPU of rating, payment and the echo: in turn, medians.

    The first round is not measured: caches fill.
    """
    pids = [suite.supervisor.pid_of(name) for name in ("rating", "payment")]
    measured = []
    for _ in range(rounds + 1):
        [hot] = await loads.hot.run(CYCLES_A_ROUND, [])
        spread, rating, payment = await loads.spread.run(CYCLES_A_ROUND, pids)
        _, echo = await loads.echo.run(CYCLES_A_ROUND, [echo_pid])
        measured.append((hot, spread, rating, payment, echo))
    hot, spread, rating, payment, echo = map(statistics.median, zip(*measured[1:], strict=True))
    return hot, spread, rating, payment, echo


async def _sustained(suite: Suite, load: Load) -> float:
    """Cycles a second until every service has done all that follows from them."""
    await _caught_up(suite)
    cycles = SUSTAINED_ROUNDS * CYCLES_A_ROUND
    begin = time.perf_counter()
    await load.run(cycles, [])
    await _caught_up(suite)
    return cycles / (time.perf_counter() - begin)


async def _caught_up(suite: Suite) -> None:
    for service in ("payment", "invoice", "cdr", "fraud"):
        await suite.caught_up(service, CALLS_RATED)


async def _p99(load: Load, rate: float, seconds: int) -> float:
    load.open_seconds.clear()
    await load.offer(round(rate * seconds), rate)
    return percentile(load.open_seconds, P99)


@asynccontextmanager
async def _echo() -> AsyncIterator[tuple[int, grpc.aio.Channel]]:
    """The bare echo in a process of its own: its id, and a channel to it."""
    answer = ChargingAnswer(
        verdict=VERDICT_GRANTED, granted_seconds=60, ask_again_at_seconds=50, sequence=1
    )
    address = f"{LOOPBACK}:{free_port()}"
    process = subprocess.Popen(  # noqa: ASYNC220 it is started once, and not waited for
        [sys.executable, "-m", "tests.bench.charging_server", address,
         answer.SerializeToString().hex()]
    )  # fmt: skip
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            await asyncio.wait_for(channel.channel_ready(), START_SECONDS_MAX)
            yield process.pid, channel
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    for kind in sys.argv[1:] or ["sqlite"]:
        assert kind in {"sqlite", "postgresql"}
        print(kind, asyncio.run(measure(kind, short=False)))  # type: ignore[arg-type]

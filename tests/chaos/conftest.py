"""The running suite under attack, and the facts that must hold afterwards."""

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import pytest

from kernel.errors import DomainError, ErrorKind
from tests.support.operator import MONTH, Operator, PlacedCall, asterisk_csv
from tests.support.suite import Suite, fact, running_suite
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc

TENANT = "aurora"
ACCOUNT_CODES = [f"desk-{number}" for number in range(20)]
SHORT = os.environ.get("CHAOS") == "short"
SEED = int(os.environ.get("CHAOS_SEED", "20260301"))

# callee, micros of a minute, first and next increment: as in the operator's deck
DESTINATIONS = [
    ("31612345678", 120_000, 60, 60),
    ("31201234567", 60_000, 1, 1),
    ("442071234567", 30_000, 30, 6),
    ("12125550100", 10_000, 6, 6),
]


@pytest.fixture(params=["sqlite", "postgresql"])
async def suite(request: pytest.FixtureRequest) -> AsyncIterator[Suite]:
    """The running suite."""
    async with running_suite(request.param) as running:
        yield running


@pytest.fixture
async def operator(suite: Suite) -> Operator:
    """A tenant with twenty accounts."""
    operator = Operator(suite, TENANT)
    await operator.set_up(ACCOUNT_CODES)
    return operator


class Traffic:
    """Calls of a month, and what they must cost in all, counted apart from the suite."""

    def __init__(self, count: int, seed: int = SEED) -> None:
        source = random.Random(seed)
        self.calls = [self._place(source, number) for number in range(count)]
        self.micros = sum(micros_of(call) for call in self.calls)

    def file(self, first: int, last: int) -> bytes:
        """Return some of the calls as the switch writes them."""
        return asterisk_csv(self.calls[first:last])

    @staticmethod
    def _place(source: random.Random, number: int) -> PlacedCall:
        return PlacedCall(
            account_code=source.choice(ACCOUNT_CODES),
            callee="00" + source.choice(DESTINATIONS)[0],
            start=MONTH + timedelta(seconds=source.randrange(28 * 24 * 3600)),
            seconds=source.choice([0, 1, 30, 59, 60, 61, 600, source.randrange(1, 7200)]),
            unique_id=f"{1772323200 + number}.{number}",
        )


def micros_of(call: PlacedCall) -> int:
    """What a call costs, step by step as the deck's words say."""
    if not call.seconds:
        return 0
    prices = {f"00{callee}": rest for callee, *rest in DESTINATIONS}
    price, first, following = prices[call.callee]
    charged = first
    while charged < call.seconds:
        charged += following
    exact = Fraction(price * charged, 60)
    return int(exact + Fraction(1, 2))


def watched_file(suite: Suite) -> Path:
    """Where the switch of the tenant writes its records."""
    folder = suite.installation.watch_folder / TENANT / "pbx"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / "Master.csv"


async def received_count(suite: Suite) -> int:
    """How many records cdr has, or -1 while it does not answer."""
    stub = suite.stub(cdr_grpc.CdrAuditServiceStub)
    try:
        answer = await stub.GetCdrDigest(cdr.GetCdrDigestRequest())
    except DomainError as error:
        if error.kind is not ErrorKind.UNAVAILABLE:
            raise
        return -1
    return sum(digest.received_count for digest in answer.digests)


async def settle(suite: Suite, traffic: Traffic) -> None:
    """Wait until every call is priced and posted, then prove that nothing is lost or doubled."""
    ratings = suite.stub(rating_grpc.RatingAuditServiceStub)
    payments = suite.stub(payment_grpc.PaymentAuditServiceStub)

    async def rated() -> int:
        answer = await ratings.GetRatingDigest(rating.GetRatingDigestRequest())
        return sum(d.rated_count + d.zero_count for d in answer.digests)

    async def posted() -> int:
        answer = await payments.GetPaymentDigest(payment.GetPaymentDigestRequest())
        amounts = [amount for d in answer.digests for amount in d.usage_amounts]
        return sum(amount.units * 10**6 + amount.nanos // 1_000 for amount in amounts)

    await fact("every call is priced", rated, lambda count: count >= len(traffic.calls))
    assert await rated() == len(traffic.calls)
    await fact("every charge is posted", posted, lambda micros: micros >= traffic.micros)
    assert await posted() == traffic.micros
    suite.supervisor.check()
    await tollbook(suite, "reconcile", "--complete")


async def tollbook(suite: Suite, *arguments: str) -> str:
    """Run the command line against the suite; it must succeed."""
    done = await asyncio.to_thread(_run, suite, arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _run(suite: Suite, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    environment = suite.installation.environment("rating")
    return subprocess.run(
        [sys.executable, "-m", "cli.main", *arguments],
        env={**environment, "TOLLBOOK_DATA": str(suite.installation.folder)},
        capture_output=True,
        text=True,
        check=False,
    )

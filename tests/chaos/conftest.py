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
from typing import NamedTuple

import pytest
from google.type.decimal_pb2 import Decimal

from kernel.errors import DomainError, ErrorKind
from tests.support.operator import MONTH, Operator
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.suite import Suite, fact, running_suite
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.rating.v1 import plan_pb2 as plan
from tollbook.rating.v1 import rating_service_pb2 as rating
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1 import usage_service_pb2 as usage
from tollbook.rating.v1 import usage_service_pb2_grpc as usage_grpc
from tollbook.rating.v1.service_pb2 import SERVICE_VOICE

TENANT = "aurora"
ACCOUNT_CODES = [f"desk-{number}" for number in range(20)]
# Tiers that change no price, so that counters can be held against the calls: each moves them once.
COUNTING = plan.VolumeTiers(
    code="seconds",
    when=plan.Condition(service=SERVICE_VOICE),
    measure=plan.MEASURE_QUANTITY,
    mode=plan.VOLUME_MODE_GRADUATED,
    tiers=[
        plan.VolumeTier(from_count=count, price=plan.TierPrice(factor=Decimal(value="1")))
        for count in (0, 3_600)
    ],
)
SHORT = os.environ.get("CHAOS") == "short"
SEED = int(os.environ.get("CHAOS_SEED", "20260301"))

# callee, micros of a minute, first and next increment: as in the operator's deck
DESTINATIONS = [
    ("31612345678", 120_000, 60, 60),
    ("31201234567", 60_000, 1, 1),
    ("442071234567", 30_000, 30, 6),
    ("12125550100", 10_000, 6, 6),
]
PRICES = {f"00{callee}": rest for callee, *rest in DESTINATIONS}


@pytest.fixture(params=["sqlite", "postgresql"])
async def suite(request: pytest.FixtureRequest) -> AsyncIterator[Suite]:
    """The running suite."""
    async with running_suite(request.param) as running:
        yield running


@pytest.fixture
async def operator(suite: Suite) -> Operator:
    """A tenant with twenty accounts."""
    operator = Operator(suite, TENANT, terms={"volume_tiers": [COUNTING]})
    await operator.set_up(ACCOUNT_CODES)
    return operator


class Totals(NamedTuple):
    """What has come of calls: how many were priced, what they cost, what they used."""

    calls: int
    micros: int
    seconds: int


class Traffic:
    """Calls of a month, and what they must cost in all, counted apart from the suite."""

    def __init__(self, count: int, seed: int = SEED) -> None:
        source = random.Random(seed)
        self.calls = [self._place(source, number) for number in range(count)]
        self.totals = Totals(
            len(self.calls),
            sum(micros_of(call) for call in self.calls),
            sum(charged_seconds_of(call) for call in self.calls),
        )

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
    price, *_ = PRICES[call.callee]
    exact = Fraction(price * charged_seconds_of(call), 60)
    return int(exact + Fraction(1, 2))


def charged_seconds_of(call: PlacedCall) -> int:
    """The seconds of a call that are charged, increment by increment."""
    if not call.seconds:
        return 0
    _, charged, following = PRICES[call.callee]
    while charged < call.seconds:
        charged += following
    return charged


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


async def settled(suite: Suite, expected: Totals) -> Totals:
    """Wait until so much is priced and posted and the services agree; tell what really is."""
    ratings = suite.stub(rating_grpc.RatingAuditServiceStub)
    payments = suite.stub(payment_grpc.PaymentAuditServiceStub)

    async def rated() -> int:
        answer = await ratings.GetRatingDigest(rating.GetRatingDigestRequest())
        return sum(d.rated_count + d.zero_count for d in answer.digests)

    async def posted() -> int:
        answer = await payments.GetPaymentDigest(payment.GetPaymentDigestRequest())
        amounts = [amount for d in answer.digests for amount in d.usage_amounts]
        return sum(amount.units * 10**6 + amount.nanos // 1_000 for amount in amounts)

    await fact("every call is priced", rated, lambda count: count >= expected.calls)
    await fact("every charge is posted", posted, lambda micros: micros >= expected.micros)
    suite.supervisor.check()
    await tollbook(suite, "reconcile", "--complete")
    return Totals(await rated(), await posted(), await counted_seconds(suite))


async def counted_seconds(suite: Suite) -> int:
    """What the counters of all accounts have counted."""
    accounts = suite.stub(invoice_grpc.CustomerServiceStub, TENANT)
    counters = suite.stub(usage_grpc.CounterServiceStub, TENANT)
    answer = await accounts.ListAccounts(invoice.ListAccountsRequest(page_size=500))
    counted = 0
    for account in answer.accounts:
        request = usage.ListCountersRequest(account_id=account.account_id)
        counted += sum(each.used for each in (await counters.ListCounters(request)).counters)
    return counted


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

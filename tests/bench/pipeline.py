"""The whole pipeline: from call records to the ledger and the usage lines of the invoice.

The same code runs twice: with batches of 1,000 calls, and with one call in each chunk, so that
every call is an event of its own in each service.
"""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from tests.support.operator import MONTH, Operator, timestamp
from tests.support.suite import Suite, fact, request_id, running_suite
from tollbook.cdr.v1 import call_pb2 as call
from tollbook.cdr.v1 import cdr_service_pb2 as cdr
from tollbook.cdr.v1 import cdr_service_pb2_grpc as cdr_grpc
from tollbook.invoice.v1 import invoice_service_pb2 as invoice
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.type.v1 import call_pb2 as type_call

CALLS = 20_000
CALLS_A_CHUNK = 1_000
SINGLE_CALLS = 600
SINGLE_CALLS_SHORT = 200
ROUNDS = 3
ACCOUNT_CODES = [f"desk-{number}" for number in range(20)]
# A minute to a mobile: 0.12 each, so that the ledger tells how many have arrived.
MICROS_A_CALL = 120_000


async def measure(short: bool) -> tuple[float, float]:
    """Return calls a second in batches, and one call an event."""
    async with running_suite("sqlite") as suite:
        operator = Operator(suite, "aurora")
        await operator.set_up(ACCOUNT_CODES)
        run = _Runs(suite, operator)
        await run.rate(CALLS_A_CHUNK, CALLS_A_CHUNK)  # once unmeasured: caches fill
        singles = SINGLE_CALLS_SHORT if short else SINGLE_CALLS
        rounds = 1 if short else ROUNDS
        batched = [await run.rate(CALLS, CALLS_A_CHUNK) for _ in range(rounds)]
        single = [await run.rate(singles, 1) for _ in range(rounds)]
    return statistics.median(batched), statistics.median(single)


class _Runs:
    """Runs over one suite; each places new calls."""

    def __init__(self, suite: Suite, operator: Operator) -> None:
        self._suite = suite
        self._operator = operator
        self._placed = 0

    async def rate(self, count: int, chunk: int) -> float:
        """Ingest new calls and return calls a second until ledger and invoice have them all."""
        chunks = [self._chunk(chunk) for _ in range(count // chunk)]
        begin = time.perf_counter()
        await self._ingest(chunks)
        await asyncio.gather(self._until_posted(), self._until_folded())
        return count / (time.perf_counter() - begin)

    async def _ingest(self, chunks: list[cdr.IngestCallRecordsRequest]) -> None:
        async def requests() -> AsyncIterator[cdr.IngestCallRecordsRequest]:
            for request in chunks:
                yield request

        stub = self._suite.stub(cdr_grpc.CallIntakeServiceStub, self._operator.tenant_id)
        async for answer in stub.IngestCallRecords(requests()):
            outcomes = {result.outcome for result in answer.results}
            assert outcomes == {cdr.RECORD_OUTCOME_ACCEPTED}, answer.results[0]

    async def _until_posted(self) -> None:
        stub = self._suite.stub(payment_grpc.LedgerServiceStub, self._operator.tenant_id)

        async def micros() -> int:
            total = 0
            for account_id in self._operator.accounts.values():
                request = payment.GetBalanceRequest(account_id=account_id)
                unbilled = (await stub.GetBalance(request)).balance.unbilled
                total += unbilled.units * 10**6 + unbilled.nanos // 1_000
            return total

        await fact("every charge is posted", micros, (self._placed * MICROS_A_CALL).__eq__)

    async def _until_folded(self) -> None:
        stub = self._suite.stub(invoice_grpc.InvoiceAuditServiceStub)

        async def count() -> int:
            answer = await stub.GetInvoiceDigest(invoice.GetInvoiceDigestRequest())
            return sum(digest.charge_revision_count for digest in answer.digests)

        await fact("every charge is folded in", count, self._placed.__eq__)

    def _chunk(self, count: int) -> cdr.IngestCallRecordsRequest:
        records = [self._record(self._placed + number) for number in range(count)]
        self._placed += count
        return cdr.IngestCallRecordsRequest(
            source_code="grpc", request_id=request_id(), records=records
        )

    @staticmethod
    def _record(number: int) -> call.CallRecord:
        start = MONTH + timedelta(seconds=number)
        return call.CallRecord(
            call_key=type_call.CallKey(
                kind=type_call.CALL_KEY_KIND_SIP_CALL_ID, value=f"{number}@bench"
            ),
            caller="31201234567",
            callee="31612345678",
            account_code=ACCOUNT_CODES[number % len(ACCOUNT_CODES)],
            start_time=timestamp(start),
            answer_time=timestamp(start + timedelta(seconds=3)),
            billable_duration=Duration(seconds=60),
            release_cause=16,
        )

"""Rating as invoice sees it: a real gRPC server of its contract with a small book of charges."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.columns import dictionary, encode, int32, int64, key16, text, uint8
from chassis.grpc.convert import money_to_proto, required_time
from kernel.clock import to_micros
from kernel.ids import new_uuid, time_key
from kernel.money import Money
from kernel.period import Period
from services.invoice.domain.usage import usage_digest
from tollbook.rating.v1 import plan_pb2
from tollbook.rating.v1 import rating_service_pb2 as pb
from tollbook.rating.v1 import rating_service_pb2_grpc as pb_grpc
from tollbook.rating.v1.rating_events_pb2 import CallsRated

RATED, ZERO, UNRATED = 1, 2, 3


@dataclass(frozen=True)
class Rated:
    """One charge revision."""

    account_id: str
    start: datetime
    period: Period
    micros: int
    key: str = ""
    revision: int = 1
    kind: int = 1
    outcome: int = RATED
    payer: str = ""
    usage_line: str = "Netherlands - mobile"
    currency: str = "EUR"
    correction: bool = False
    duration_ms: int = 61_500
    charged_ms: int = 120_000
    caller: str = "31201234567"
    callee: str = "31612345678"
    tenant: str = "acme"

    @property
    def charge_id(self) -> bytes:
        """The same for all revisions of a key."""
        return time_key(self.start, self.tenant, self.key)

    @property
    def payer_id(self) -> str:
        return self.payer or self.account_id

    def revised(self, **changes: Any) -> "Rated":
        """The next revision of the same charge."""
        return replace(self, revision=self.revision + 1, **changes)


def batch(rows: Iterable[Rated]) -> CallsRated:
    """Charge revisions as rating publishes them."""
    rows = list(rows)
    columns = {
        "charge_id": key16([row.charge_id for row in rows]),
        "revision": int32([row.revision for row in rows]),
        "kind": uint8([row.kind for row in rows]),
        "outcome": uint8([row.outcome for row in rows]),
        "account_id": dictionary([row.account_id for row in rows]),
        "payer_account_id": dictionary([row.payer_id for row in rows]),
        "currency": dictionary(["" if row.outcome == UNRATED else row.currency for row in rows]),
        "amount_delta": int64([row.micros for row in rows]),
        "usage_line": dictionary([row.usage_line for row in rows]),
        "period_start": int64([to_micros(row.period.start) for row in rows]),
        "period_end": int64([to_micros(row.period.end) for row in rows]),
        "correction": uint8([row.correction for row in rows]),
        "start_time": int64([to_micros(row.start) for row in rows]),
        "duration": int64([row.duration_ms for row in rows]),
        "charged_duration": int64([row.charged_ms for row in rows]),
        "caller": text([row.caller for row in rows]),
        "callee": text([row.callee for row in rows]),
    }
    return CallsRated(charges=encode(columns, len(rows)))


Key = tuple[str, str, int]


@dataclass
class RatingBook(pb_grpc.PlanServiceServicer, pb_grpc.PeriodServiceServicer):
    """What rating has charged, and what was asked of it."""

    plan_currencies: dict[str, str] = field(default_factory=dict)
    fee_micros: int = 25_000_000
    charged: defaultdict[Key, list[Rated]] = field(default_factory=lambda: defaultdict(list))
    fees: dict[str, Rated] = field(default_factory=dict)
    fee_requests: list[pb.ChargeRecurringFeeRequest] = field(default_factory=list)
    seals: dict[str, pb.SealPeriodResponse] = field(default_factory=dict)
    fails_after: int | None = None
    """Calls that are still answered before rating is away."""

    def charge(self, *rows: Rated) -> CallsRated:
        """Charge calls; the event is on its way."""
        for row in rows:
            if row.outcome != UNRATED:
                key = (row.tenant, row.payer_id, to_micros(row.period.start))
                self.charged[key].append(row)
        return batch(rows)

    async def GetPlan(self, request: Any, context: Any) -> pb.GetPlanResponse:
        await self._be_there(context)
        currency = self.plan_currencies[request.plan_id]
        return pb.GetPlanResponse(
            plan=plan_pb2.Plan(plan_id=request.plan_id, currency_code=currency)
        )

    async def ChargeRecurringFee(self, request: Any, context: Any) -> pb.ChargeRecurringFeeResponse:
        await self._be_there(context)
        self.fee_requests.append(request)
        if request.request_id not in self.fees:
            fee = Rated(
                account_id=request.account_id,
                start=_time(request.covered_period.start_time),
                period=Period(
                    _time(request.billing_period.start_time), _time(request.billing_period.end_time)
                ),
                micros=self.fee_micros,
                key=request.subscription_id,
                kind=2,
                usage_line="Monthly fee",
                duration_ms=0,
                charged_ms=0,
                caller="",
                callee="",
                tenant=_tenant(context),
            )
            self.fees[request.request_id] = fee
            self.charge(fee)
        return pb.ChargeRecurringFeeResponse()

    async def SealPeriod(self, request: Any, context: Any) -> pb.SealPeriodResponse:
        await self._be_there(context)
        if request.request_id not in self.seals:
            start = to_micros(_time(request.billing_period.start_time))
            rows = self.charged[(_tenant(context), request.account_id, start)]
            currency = rows[0].currency if rows else "EUR"
            self.seals[request.request_id] = pb.SealPeriodResponse(
                seal_id=new_uuid(),
                charge_count=len(rows),
                amount=money_to_proto(Money(currency, sum(row.micros for row in rows))),
                digest=usage_digest((row.charge_id, row.revision, row.micros) for row in rows),
            )
        return self.seals[request.request_id]

    async def _be_there(self, context: Any) -> None:
        if self.fails_after is None:
            return
        if self.fails_after == 0:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "rating is away")
        self.fails_after -= 1


@asynccontextmanager
async def served(book: RatingBook) -> AsyncIterator[str]:
    """Serve a book and tell the address."""
    server = grpc.aio.server()
    pb_grpc.add_PlanServiceServicer_to_server(book, server)
    pb_grpc.add_PeriodServiceServicer_to_server(book, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


def _time(stamp: Timestamp) -> datetime:
    return required_time(stamp, "time")


def _tenant(context: Any) -> str:
    return dict(context.invocation_metadata())["tollbook-tenant"]

"""Asks payment for the steps of sessions; what is asked at once goes in one request."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import grpc.aio
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status

from chassis.grpc.client import acting_for
from chassis.grpc.convert import micros_to_money, money_from_proto
from kernel.clock import MICROS_PER_SECOND
from kernel.errors import DomainError
from kernel.money import NANOS_PER_MICRO
from services.rating.domain.charging.offline import FundsUnavailableError
from services.rating.domain.charging.transfers import (
    CaptureHold,
    ChangeHold,
    Held,
    NotHeld,
    PlaceHold,
    StepResult,
    TransferStep,
)
from services.rating.usecases.charging.tenant_groups import TenantGroups
from tollbook.payment.v1 import hold_pb2 as holds
from tollbook.payment.v1 import transfer_service_pb2 as messages
from tollbook.payment.v1.transfer_service_pb2_grpc import TransferServiceStub

SESSIONS_PER_REQUEST_MAX = 500
STEPS_PER_REQUEST_MAX = 1_000
# Nobody waits for captures, and CallsRated, which tells the same, often comes first.
CAPTURES_APART_SECONDS = 0.25
# Whoever waits for it gives up sooner; this only ends what nobody waits for.
REQUEST_SECONDS_MAX = 5.0


_Requests = TenantGroups[Sequence[TransferStep], list[StepResult]]


class Funds:
    """The holds of payment. Each step is executed once, however often it is asked for."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = TransferServiceStub(channel)
        # No call that wants to begin waits for calls that have ended.
        self._holds = _Requests(self._execute, SESSIONS_PER_REQUEST_MAX)
        self._captures = _Requests(self._execute, SESSIONS_PER_REQUEST_MAX, CAPTURES_APART_SECONDS)

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What became of each step, in order.

        Raises:
            FundsUnavailableError: payment did not answer; the steps may have been executed or not.
        """
        has_ended = any(isinstance(step, CaptureHold) for step in steps)
        return await (self._captures if has_ended else self._holds).do(tenant_id, steps)

    async def _execute(
        self, tenant_id: str, asked: Sequence[Sequence[TransferStep]]
    ) -> list[list[StepResult]]:
        transfers = [_transfer(step) for steps in asked for step in steps]
        results: list[StepResult] = []
        for begin in range(0, len(transfers), STEPS_PER_REQUEST_MAX):
            part = transfers[begin : begin + STEPS_PER_REQUEST_MAX]
            results += await self._ask(tenant_id, part)
        return list(_dealt(results, asked))

    async def _ask(self, tenant_id: str, transfers: Sequence[holds.Transfer]) -> list[StepResult]:
        request = messages.ExecuteTransfersRequest(transfers=transfers)
        try:
            with acting_for(tenant_id):
                response = await self._stub.ExecuteTransfers(request, timeout=REQUEST_SECONDS_MAX)
        except (DomainError, grpc.aio.AioRpcError) as error:
            raise FundsUnavailableError(str(error)) from error
        return [_result(each) for each in response.results]


def _dealt(
    results: Sequence[StepResult], asked: Sequence[Sequence[TransferStep]]
) -> Iterator[list[StepResult]]:
    """To each the results of its steps."""
    begin = 0
    for steps in asked:
        yield list(results[begin : begin + len(steps)])
        begin += len(steps)


def _transfer(step: TransferStep) -> holds.Transfer:
    match step:
        case PlaceHold():
            place = holds.PlaceHold(
                hold_id=step.hold_id,
                account_id=step.account_id,
                amount=micros_to_money(step.currency, step.amount_micros),
                minimum=micros_to_money(step.currency, step.minimum_micros),
                validity=Duration(seconds=step.validity_seconds),
                reference=step.reference,
            )
            return holds.Transfer(request_id=step.request_id, place=place)
        case ChangeHold():
            change = holds.ChangeHold(
                hold_id=step.hold_id,
                amount=micros_to_money(step.currency, step.amount_micros),
                minimum=micros_to_money(step.currency, step.minimum_micros),
                validity=Duration(seconds=step.validity_seconds),
            )
            return holds.Transfer(request_id=step.request_id, change=change)
        case CaptureHold():
            return holds.Transfer(request_id=step.request_id, capture=_capture(step))
        case _:
            release = holds.ReleaseHold(hold_id=step.hold_id)
            return holds.Transfer(request_id=step.request_id, release=release)


def _capture(step: CaptureHold) -> holds.CaptureHold:
    return holds.CaptureHold(
        hold_id=step.hold_id,
        charge_id=step.charge_id,
        revision=step.revision,
        amount=micros_to_money(step.currency, step.amount_micros),
        overrun=holds.OVERRUN_POLICY_POST_ALL,
        event_partition=step.event_partition,
        event_sequence=step.event_sequence,
    )


def _result(result: messages.TransferResult) -> StepResult:
    if result.HasField("hold"):
        hold = result.hold
        expire = hold.expire_time
        return Held(
            money_from_proto(hold.held).micros,
            expire.seconds * MICROS_PER_SECOND + expire.nanos // NANOS_PER_MICRO,
        )
    return NotHeld(_reason(result.error))


def _reason(status: Status) -> str:
    info = ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            return info.reason
    return ""

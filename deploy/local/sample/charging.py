"""Lets one wallet place many calls at once: what is granted never exceeds what it has."""

import asyncio
from collections import Counter
from decimal import Decimal

from chassis.grpc.client import acting_for
from chassis.grpc.convert import money_from_proto
from deploy.local.sample.directory import account_id_of
from deploy.local.sample.operator import AURORA
from deploy.local.sample.session import Session, fixed_id, until
from kernel.money import MICROS_PER_UNIT, Money, sum_money
from tollbook.payment.v1 import funds_service_pb2
from tollbook.payment.v1 import funds_service_pb2_grpc as funds_grpc
from tollbook.rating.v1 import charging_service_pb2
from tollbook.rating.v1 import charging_service_pb2_grpc as charging_grpc
from tollbook.rating.v1.charging_pb2 import VERDICT_GRANTED, ChargingAnswer
from tollbook.type.v1.call_pb2 import CALL_KEY_KIND_OTHER, CallKey

WALLET_ACCOUNT = "B-2005"
CALLS_AT_ONCE = 30
# Two hours to Tunisia: some of the calls take all that a wallet has been topped up with.
CALLEE = "21671123456"
REQUESTED_SECONDS = 7_200
TALKED_MS = 90_000


async def place_calls_at_once(session: Session) -> None:
    """Open many calls in the same moment on one wallet, and end those that were granted."""
    charging = charging_grpc.ChargingServiceStub(session.channels["rating"])
    with acting_for(AURORA.tenant_id):
        wallet = money_from_proto((await _funds(session)).balance)
        answers = await asyncio.gather(*(_open(charging, n) for n in range(CALLS_AT_ONCE)))
        granted = [each for each in answers if each.verdict == VERDICT_GRANTED]
        session.report("Calls at once", f"{_text(wallet)} of {WALLET_ACCOUNT}: {_counts(answers)}")
        costs = await asyncio.gather(*(_close(charging, each.session_id) for each in granted))
        left = await until(f"{WALLET_ACCOUNT} has paid for its calls", lambda: _settled(session))
    cost = sum_money(costs, wallet.currency)
    session.report("Calls paid", f"{_text(cost)}; {_text(left)} left, nothing held")


async def _open(charging: charging_grpc.ChargingServiceStub, number: int) -> ChargingAnswer:
    session_id = fixed_id("call at once", str(number))
    call = charging_service_pb2.ChargedCall(
        call_key=CallKey(kind=CALL_KEY_KIND_OTHER, value=session_id),
        account_id=account_id_of(AURORA, WALLET_ACCOUNT),
        callee=CALLEE,
    )
    request = charging_service_pb2.OpenSessionRequest(
        session_id=session_id, call=call, requested_seconds=REQUESTED_SECONDS
    )
    return (await charging.OpenSession(request)).answer


async def _close(charging: charging_grpc.ChargingServiceStub, session_id: str) -> Money:
    request = charging_service_pb2.CloseSessionRequest(
        session_id=session_id, duration_ms=TALKED_MS, answered=True
    )
    return money_from_proto((await charging.CloseSession(request)).answer.cost)


async def _funds(session: Session) -> funds_service_pb2.Funds:
    funds = funds_grpc.FundsServiceStub(session.channels["payment"])
    request = funds_service_pb2.GetFundsRequest(account_id=account_id_of(AURORA, WALLET_ACCOUNT))
    return (await funds.GetFunds(request)).funds


async def _settled(session: Session) -> Money | None:
    """What the wallet has, once no call holds anything of it."""
    funds = await _funds(session)
    return None if money_from_proto(funds.held).micros else money_from_proto(funds.balance)


def _counts(answers: list[ChargingAnswer]) -> str:
    counted = Counter(answer.reason or "granted" for answer in answers)
    return ", ".join(f"{count} {verdict}" for verdict, count in counted.most_common())


def _text(amount: Money) -> str:
    return f"{Decimal(amount.micros) / MICROS_PER_UNIT} {amount.currency}"

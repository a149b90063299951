"""Calls that are charged while they run: whoever is killed, a balance is spent only once."""

import asyncio

import pytest

from tests.chaos.callers import Callers
from tests.chaos.conftest import SEED, SHORT, TENANT, tollbook
from tests.support.operator import Operator
from tests.support.suite import Suite, fact
from tollbook.payment.v1 import payment_service_pb2 as payment
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.payment.v1 import transfer_service_pb2 as transfers
from tollbook.payment.v1.transfer_service_pb2_grpc import TransferServiceStub
from tollbook.rating.v1.charging_service_pb2_grpc import ChargingServiceStub

pytestmark = pytest.mark.timeout(900)

PREPAID = "prepaid"
CALLERS = 12
KILLS = ["rating", "payment"] if SHORT else ["rating", "payment"] * 5
# What is paid in before each kill. It is soon spent, so that calls meet an empty balance, too.
UNITS = 3
CALLS_BETWEEN_KILLS = 15
MICROS = 10**6


async def test_calls_on_one_balance_outlive_kills_and_never_overspend_it(suite: Suite) -> None:
    """Rating and payment die in turns; the ledger equals what the switches reported, to the micro.

    Nobody was granted what was not there: the wallet never falls below zero.
    """
    operator = Operator(suite, TENANT)
    await operator.set_up([])
    await operator.create_prepaid_accounts({PREPAID: UNITS})
    account_id = operator.accounts[PREPAID]
    callers = Callers(suite.stub(ChargingServiceStub, TENANT), account_id, SEED)
    calling = asyncio.create_task(callers.call_at_once(CALLERS))
    for victim in KILLS:
        enough = len(callers.seconds) + CALLS_BETWEEN_KILLS
        await operator.pay(PREPAID, UNITS)
        await fact("calls are charged", callers.count, enough.__le__)
        suite.supervisor.kill(victim)
        suite.supervisor.start(victim)
        await asyncio.to_thread(suite.supervisor.wait_ready, victim)
    callers.stop()
    await calling
    left = UNITS * (1 + len(KILLS)) * MICROS - callers.micros
    assert left >= 0, "more was granted than there was"
    assert await _settled_wallet(suite, account_id, left) == left


async def _settled_wallet(suite: Suite, account_id: str, expected: int) -> int:
    """Wait until nothing is held and so much is left, and the services agree; tell what is left."""
    ledger = suite.stub(payment_grpc.LedgerServiceStub, TENANT)
    holding = suite.stub(TransferServiceStub, TENANT)

    async def holds() -> int:
        request = transfers.ListHoldsRequest(account_id=account_id)
        return len((await holding.ListHolds(request)).holds)

    async def wallet() -> int:
        balance = (
            await ledger.GetBalance(payment.GetBalanceRequest(account_id=account_id))
        ).balance
        return balance.wallet.units * MICROS + balance.wallet.nanos // 1_000

    await fact("nothing is held", holds, (0).__eq__)
    await fact("every call is posted", wallet, expected.__eq__)
    suite.supervisor.check()
    await tollbook(suite, "reconcile", "--complete")
    return await wallet()

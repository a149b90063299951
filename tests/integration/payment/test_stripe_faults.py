"""Whatever goes wrong between payment and Stripe, money is taken once and the outcome is found."""

import asyncio
import logging
from functools import partial
from pathlib import Path

import pytest

from deploy.local.sandbox_gateway.faults import Fault, Faults
from kernel.money import Money
from services.payment.domain.collections.gateway import (
    DebitRefused,
    GatewayUnavailable,
    Settlement,
    SettlementState,
)
from services.payment.gateways.stripe import StripeGateway
from tests.integration.payment.debits import (
    DAY_SECONDS,
    SUCCEEDED,
    TWENTY,
    chased,
    debit,
    settled,
)
from tests.support.sandbox_gateway import TENANT, MovableClock, RunningGateway, running_gateway

# How often it has to go wrong: a request that only reads is repeated by the HTTP client itself,
# once, when its connection ends.
OPERATIONS = {"create": 1, "retrieve": 2, "confirm": 1}
INSUFFICIENT = Settlement(SettlementState.DECLINED, None, "insufficient_funds", may_retry=True)
LOST = (Fault.REQUEST_LOST, Fault.ANSWER_LOST)


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", Fault)
async def test_whatever_is_lost_money_is_taken_once_and_its_outcome_found(
    gateway: RunningGateway, client: StripeGateway, operation: str, fault: Fault
) -> None:
    """A fault says that nothing is known; asking again finds out."""
    gateway.sandbox.faults.plan(operation, fault, OPERATIONS[operation] if fault in LOST else 1)
    with pytest.raises(GatewayUnavailable):
        await settled(client, debit())
    assert await chased(lambda: settled(client, debit())) == SUCCEEDED
    assert gateway.taken() == [TWENTY]


async def test_replicas_that_chase_the_same_debits_through_many_faults_take_each_once(
    tmp_path: Path,
) -> None:
    """A third of all requests go wrong, at random; all replicas find the same outcomes."""
    methods = ("pm_card_visa", "pm_card_chargeDeclinedInsufficientFunds")
    debits = [debit(methods[n % 2], collection=f"c-{n}") for n in range(20)]
    async with running_gateway(tmp_path, Faults(percent=33, seed=1)) as gateway:
        replicas = [gateway.client() for _ in range(3)]
        chases = [chased(partial(settled, client, each)) for client in replicas for each in debits]
        outcomes = await asyncio.gather(*chases)
        for client in replicas:
            await client.close()
        assert gateway.taken() == [Money("EUR", 10 * TWENTY.micros)]
    assert outcomes == [SUCCEEDED, INSUFFICIENT] * 30


@pytest.mark.parametrize("fault", Fault)
async def test_a_decline_is_found_behind_any_fault_of_the_cancellation(
    gateway: RunningGateway, client: StripeGateway, fault: Fault
) -> None:
    """Nothing is declined before the gateway has given it up."""
    asked = debit("pm_card_chargeDeclinedInsufficientFunds")
    gateway.sandbox.faults.plan("cancel", fault)
    with pytest.raises(GatewayUnavailable):
        await settled(client, asked)
    outcome = await chased(lambda: settled(client, asked))
    assert outcome == INSUFFICIENT


@pytest.mark.parametrize("fault", Fault)
async def test_an_instrument_is_not_refused_for_a_fault(
    gateway: RunningGateway, client: StripeGateway, fault: Fault
) -> None:
    """That nothing is known does not mean that it is unknown."""
    gateway.sandbox.faults.plan("method", fault, times=2 if fault in LOST else 1)
    with pytest.raises(GatewayUnavailable):
        await client.describe(TENANT, "cus_anna", "pm_card_visa")


async def test_a_failure_that_the_gateway_repeats_for_a_day_does_not_hold_a_debit_up(
    gateway: RunningGateway, client: StripeGateway
) -> None:
    """It saves its own failures with idempotency keys; another key finds a way."""
    gateway.sandbox.faults.plan("create", Fault.SAVED_ERROR, times=3)
    reference = await chased(lambda: client.prepare(debit()))
    assert await client.prepare(debit()) == reference
    assert await client.settle(TENANT, reference) == SUCCEEDED


async def test_a_debit_that_is_asked_for_after_the_gateway_forgot_it_takes_no_money_twice(
    gateway: RunningGateway, client: StripeGateway, clock: MovableClock
) -> None:
    """A second intent may be prepared then; only one that is confirmed takes money."""
    first = await client.prepare(debit())
    clock.ahead_seconds += DAY_SECONDS + 1
    second = await client.prepare(debit())
    assert first != second
    assert await client.settle(TENANT, second) == SUCCEEDED
    assert gateway.taken() == [TWENTY]


async def test_keys_are_rotated_without_a_restart(
    gateway: RunningGateway, client: StripeGateway
) -> None:
    """Each request reads the key; while it is refused nothing is known."""
    reference = await client.prepare(debit())
    key_file = gateway.keys_dir / f"stripe.{TENANT}"
    key_file.write_text("sk_live_withdrawn")
    with pytest.raises(GatewayUnavailable, match="status 401"):
        await client.settle(TENANT, reference)
    key_file.write_text("sk_test_aurora_k2")
    assert await client.settle(TENANT, reference) == SUCCEEDED


async def test_the_key_of_another_account_declines_nothing(
    gateway: RunningGateway, client: StripeGateway
) -> None:
    """Whether the debit took money is known in the account where it was made only."""
    reference = await client.prepare(debit())
    (gateway.keys_dir / f"stripe.{TENANT}").write_text("sk_test_elsewhere_k1")
    with pytest.raises(GatewayUnavailable, match=reference):
        await client.settle(TENANT, reference)


async def test_a_gateway_that_cannot_be_reached_is_unavailable(gateway: RunningGateway) -> None:
    """Nobody listens there."""
    client = StripeGateway(gateway.keys_dir, "http://127.0.0.1:1")
    with pytest.raises(GatewayUnavailable):
        await client.prepare(debit())
    await client.close()


async def test_neither_keys_nor_payers_are_in_logs_and_errors(
    gateway: RunningGateway, client: StripeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever happens, at any level."""
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    for fault in Fault:
        gateway.sandbox.faults.plan("confirm", fault)
    methods = ["pm_card_visa_anna"] * len(Fault) + ["pm_card_chargeDeclined_anna", "pm_nobody_anna"]
    for number, method in enumerate(methods):
        try:
            await settled(client, debit(method, collection=f"c-{number}"))
        except (GatewayUnavailable, DebitRefused) as error:
            told.append(f"{error!r} {error.__cause__!r}")
    assert len(told) == len(Fault) + 1
    everything = caplog.text + "".join(told)
    assert "sk_test" not in everything
    assert "cus_anna" not in everything

"""Payment's client of Stripe, against the sandbox gateway over a socket: every outcome."""

import asyncio
from datetime import date

import pytest

from deploy.local.sandbox_gateway.gateway import PROCESSING_SECONDS
from kernel.errors import DomainError
from kernel.money import MICROS_PER_UNIT, Money
from services.payment.domain.collections.gateway import (
    Debit,
    DebitRefused,
    GatewayUnavailable,
    InstrumentDetails,
    InstrumentKind,
    Settlement,
    SettlementState,
)
from services.payment.gateways.stripe import StripeGateway
from tests.integration.payment.debits import (
    PENDING,
    SUCCEEDED,
    TWENTY,
    chased,
    debit,
    settled,
)
from tests.support.sandbox_gateway import TENANT, MovableClock, RunningGateway

INSTRUMENTS = {
    "pm_card_visa": InstrumentDetails(InstrumentKind.CARD, "Visa 4242", date(2034, 12, 1)),
    "pm_card_amex": InstrumentDetails(
        InstrumentKind.CARD, "American Express 8431", date(2034, 12, 1)
    ),
    "pm_sepa_success": InstrumentDetails(InstrumentKind.DIRECT_DEBIT, "SEPA 3000", None),
    "pm_usBankAccount_success": InstrumentDetails(InstrumentKind.DIRECT_DEBIT, "ACH 3000", None),
}


@pytest.mark.parametrize(("method", "details"), INSTRUMENTS.items(), ids=INSTRUMENTS)
async def test_an_instrument_is_told_by_what_its_owner_knows_it_by(
    client: StripeGateway, method: str, details: InstrumentDetails
) -> None:
    """Brand and last digits, and when it expires; nothing that one could pay with."""
    assert await client.describe(TENANT, "cus_anna", method) == details


UNUSABLE = {
    "an unknown customer": ("cus_missing", "pm_card_visa", "UNKNOWN_INSTRUMENT"),
    "an unknown method": ("cus_anna", "pm_nobody", "UNKNOWN_INSTRUMENT"),
    "no reference at all": ("cus_anna", "../../v1/customers?", "UNKNOWN_INSTRUMENT"),
    "a wallet": ("cus_anna", "pm_wallet", "UNSUPPORTED_INSTRUMENT"),
}


@pytest.mark.parametrize(("customer", "method", "reason"), UNUSABLE.values(), ids=UNUSABLE)
async def test_an_instrument_that_cannot_be_collected_from_is_refused_at_once(
    client: StripeGateway, customer: str, method: str, reason: str
) -> None:
    """Not when the money is needed."""
    with pytest.raises(DomainError) as refusal:
        await client.describe(TENANT, customer, method)
    assert refusal.value.reason == reason


async def test_a_tenant_without_a_key_is_told_where_to_put_one(client: StripeGateway) -> None:
    """And no debit of it is declined: whether money moved is not known without the key."""
    with pytest.raises(DomainError, match=r"stripe\.borealis") as refusal:
        await client.describe("borealis", "cus_anna", "pm_card_visa")
    assert refusal.value.reason == "GATEWAY_NOT_CONFIGURED"
    with pytest.raises(GatewayUnavailable):
        await client.settle("borealis", "pi_1")


async def test_a_key_that_cannot_be_read_is_no_missing_one(
    gateway: RunningGateway, client: StripeGateway
) -> None:
    """A folder in its place, or no text: nothing is known until somebody mends it."""
    (gateway.keys_dir / "stripe.borealis").mkdir()
    (gateway.keys_dir / "stripe.comet").write_bytes(b"\xff")
    for tenant_id in ("borealis", "comet"):
        with pytest.raises(GatewayUnavailable, match="cannot be read"):
            await client.describe(tenant_id, "cus_anna", "pm_card_visa")


async def test_a_tenant_id_is_no_path(client: StripeGateway) -> None:
    """No key is read from elsewhere."""
    with pytest.raises(DomainError) as refusal:
        await client.describe("../stripe.aurora", "cus_anna", "pm_card_visa")
    assert refusal.value.reason == "GATEWAY_NOT_CONFIGURED"


async def test_a_prepared_debit_has_taken_nothing(
    gateway: RunningGateway, client: StripeGateway
) -> None:
    """Money moves when the debit is settled, by its reference."""
    reference = await client.prepare(debit())
    assert reference.startswith("pi_")
    assert gateway.taken() == []
    [intent] = gateway.sandbox.intents()
    assert intent["metadata"] == {"tenant_id": TENANT, "collection_id": "c-1"}


async def test_a_debit_that_is_asked_for_again_is_the_same(
    gateway: RunningGateway, client: StripeGateway
) -> None:
    """By several replicas at once, before and after it is settled: money is taken once."""
    references = await asyncio.gather(*(client.prepare(debit()) for _ in range(5)))
    assert len(set(references)) == 1
    results = await asyncio.gather(
        *(chased(lambda: client.settle(TENANT, references[0])) for _ in range(5))
    )
    assert results == [SUCCEEDED] * 5
    assert await client.settle(TENANT, await client.prepare(debit())) == SUCCEEDED
    assert gateway.taken() == [TWENTY]


AMOUNTS = [Money("JPY", 3_000_000_000), Money("KWD", 5_120_000), Money("UGX", 9_000_000_000)]


@pytest.mark.parametrize("amount", AMOUNTS, ids=lambda each: each.currency)
async def test_what_is_received_is_what_was_asked_for_in_any_currency(
    gateway: RunningGateway, client: StripeGateway, amount: Money
) -> None:
    """Without decimals, with three, and written with two that are always zero."""
    assert (await settled(client, debit(amount=amount))).received == amount
    assert gateway.taken() == [amount]


DECLINES = {
    "pm_card_chargeDeclinedInsufficientFunds": ("insufficient_funds", True),
    "pm_card_chargeDeclinedProcessingError": ("processing_error", True),
    "pm_card_chargeDeclined": ("generic_decline", True),
    "pm_card_chargeDeclinedExpiredCard": ("expired_card", False),
    "pm_card_chargeDeclinedStolenCard": ("stolen_card", False),
    "pm_card_authenticationRequired": ("authentication_required", False),
}


@pytest.mark.parametrize(("method", "outcome"), DECLINES.items(), ids=DECLINES)
async def test_a_decline_says_why_and_whether_time_may_heal_it(
    gateway: RunningGateway, client: StripeGateway, method: str, outcome: tuple[str, bool]
) -> None:
    """It is final at the gateway too, and told the same when it is asked for again."""
    code, may_retry = outcome
    declined = Settlement(SettlementState.DECLINED, failure_code=code, may_retry=may_retry)
    reference = await client.prepare(debit(method))
    assert await client.settle(TENANT, reference) == declined
    assert [intent["status"] for intent in gateway.sandbox.intents()] == ["canceled"]
    gateway.sandbox.behave(method, "pm_card_visa")
    assert await client.settle(TENANT, reference) == declined
    assert gateway.taken() == []


async def test_a_direct_debit_is_pending_until_the_bank_has_answered(
    client: StripeGateway, clock: MovableClock
) -> None:
    """Asked for again it is the same debit, and succeeds in the end."""
    reference = await client.prepare(debit("pm_sepa_success"))
    assert await client.settle(TENANT, reference) == PENDING
    assert await client.settle(TENANT, reference) == PENDING
    clock.ahead_seconds += PROCESSING_SECONDS + 1
    assert await client.settle(TENANT, reference) == SUCCEEDED


async def test_a_direct_debit_may_be_declined_days_later(
    gateway: RunningGateway, client: StripeGateway, clock: MovableClock
) -> None:
    """It was pending, and takes nothing."""
    reference = await client.prepare(debit("pm_sepa_insufficientFunds"))
    assert await client.settle(TENANT, reference) == PENDING
    clock.ahead_seconds += PROCESSING_SECONDS + 1
    outcome = await client.settle(TENANT, reference)
    assert outcome == Settlement(SettlementState.DECLINED, None, "insufficient_funds", True)
    assert gateway.taken() == []


REFUSED = {
    "too small": (debit(amount=Money("EUR", 400_000)), "amount_too_small"),
    "too large": (debit(amount=Money("EUR", 10**6 * MICROS_PER_UNIT)), "amount_too_large"),
    "below a cent": (debit(amount=Money("EUR", 5_000_001)), "amount_not_supported"),
    "no such customer": (debit(customer="cus_missing"), "resource_missing"),
    "no such method": (debit("pm_nobody"), "resource_missing"),
}


@pytest.mark.parametrize(("asked", "code"), REFUSED.values(), ids=REFUSED)
async def test_a_debit_that_can_never_be_taken_is_refused_and_not_repeated(
    client: StripeGateway, asked: Debit, code: str
) -> None:
    """It ends by a reason instead of being asked for for ever."""
    with pytest.raises(DebitRefused) as refusal:
        await client.prepare(asked)
    assert refusal.value.failure_code == code


async def test_an_instrument_that_was_detached_after_the_debit_was_prepared_declines_it(
    gateway: RunningGateway, client: StripeGateway
) -> None:
    """The gateway refuses to confirm; the debit ends."""
    reference = await client.prepare(debit())
    gateway.sandbox.behave("pm_card_visa", like=None)
    outcome = await client.settle(TENANT, reference)
    assert outcome == Settlement(SettlementState.DECLINED, failure_code="resource_missing")
    gateway.sandbox.behave("pm_card_visa", like="pm_card_visa")
    assert (await client.settle(TENANT, reference)).state == SettlementState.DECLINED
    assert gateway.taken() == []

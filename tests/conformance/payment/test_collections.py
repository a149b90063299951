"""Money is taken once and posted once, whatever is lost, repeated or killed on the way."""

import asyncio
from datetime import timedelta

import pytest

from deploy.local.sandbox_gateway.faults import Fault
from deploy.local.sandbox_gateway.gateway import PROCESSING_SECONDS
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.collections.collection import ATTEMPT_PAUSE_MAX
from services.payment.domain.collections.gateway import Settlement, SettlementState
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.payment import PaymentMethod
from services.payment.store.collections import get_collection, note_reference
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.collections.end_collection import end_collection
from tests.conformance.payment.books import account
from tests.conformance.payment.collecting import (
    LATER,
    POINTS,
    TEN,
    TENANT,
    UNIT,
    Till,
    another,
    collect_until_killed,
)
from tests.conformance.payment.holding import micros_of
from tests.support.sandbox_gateway import MovableClock
from tollbook.payment.v1 import collection_pb2
from tollbook.payment.v1 import collection_service_pb2 as messages
from tollbook.payment.v1.payment_events_pb2 import PaymentSettled

PENDING = collection_pb2.COLLECTION_STATE_PENDING
SUCCEEDED = collection_pb2.COLLECTION_STATE_SUCCEEDED
DECLINED = collection_pb2.COLLECTION_STATE_DECLINED

SEPA = "pm_sepa_success"


@pytest.fixture
async def payer(till: Till) -> Account:
    """A prepaid account with nothing."""
    return await till.customer(0)


async def outcome(till: Till, payer: Account) -> collection_pb2.Collection:
    """The only collection of an account."""
    (collection,) = await till.collected(payer)
    return collection


async def test_a_collected_payment_is_posted_with_its_reference(till: Till, payer: Account) -> None:
    """The wallet has the money; the payment names the gateway's reference and the invoice."""
    invoice_id = new_uuid()
    card = await till.attach(payer)
    asked = await till.order(payer, card, TEN, invoice_id=invoice_id)
    assert (asked.state, asked.actor) == (PENDING, "rating")
    await till.collect()
    ended = await outcome(till, payer)
    assert (ended.state, micros_of(ended.received)) == (SUCCEEDED, TEN)
    assert not ended.HasField("next_attempt_time")
    (payment,) = await till.payments(payer)
    assert payment.receipt.payment_id == ended.collection_id
    assert payment.receipt.method == PaymentMethod.CARD
    assert payment.receipt.evidence == f"stripe {ended.reference}"
    assert payment.receipt.invoice_id == invoice_id
    (settled,) = await till.events(PaymentSettled)
    assert (settled.payment_id, settled.invoice_id) == (ended.collection_id, invoice_id)
    assert await till.wallet(payer) == TEN
    assert await till.is_whole()


async def test_a_postpaid_account_pays_its_receivable(till: Till) -> None:
    """It is credited like a bank transfer."""
    payer = account(PaymentMode.POSTPAID)
    await till.announce(payer)
    await till.order(payer, await till.attach(payer), TEN)
    await till.collect()
    balance = await till.database.read(lambda connection: balance_of(connection, payer))
    assert balance.receivable == Money("EUR", -TEN)


async def test_a_collection_asked_for_twice_takes_money_once(till: Till, payer: Account) -> None:
    """The repetition gets the first answer, also when the money has come meanwhile."""
    key = {"request_id": new_uuid()}
    card = await till.attach(payer)
    first = await till.order(payer, card, TEN, **key)
    await till.collect()
    assert await till.order(payer, card, TEN, **key) == first
    await till.collect(LATER)
    assert till.taken() == [Money("EUR", TEN)]


@pytest.mark.parametrize("point", POINTS)
async def test_whoever_is_killed_in_a_collection_takes_and_posts_money_once(
    till: Till, payer: Account, point: str
) -> None:
    """The next attempt goes on with what is stored."""
    await till.order(payer, await till.attach(payer), TEN)
    await collect_until_killed(till, point)
    assert (await outcome(till, payer)).state == PENDING
    await till.collect()
    assert (await outcome(till, payer)).state == PENDING, "it has not waited"
    await till.collect(LATER)
    assert (await outcome(till, payer)).state == SUCCEEDED
    assert till.taken() == [Money("EUR", TEN)]
    assert await till.wallet(payer) == TEN
    assert await till.is_whole()


@pytest.mark.parametrize("operation", ["create", "retrieve", "confirm"])
@pytest.mark.parametrize(
    "fault", [Fault.REQUEST_LOST, Fault.ANSWER_LOST, Fault.SAVED_ERROR, Fault.KEY_REFUSED]
)
async def test_an_unknown_outcome_is_chased_to_its_end(
    till: Till, payer: Account, operation: str, fault: Fault
) -> None:
    """Whatever goes wrong with a request, also after the money has moved."""
    await till.order(payer, await till.attach(payer), TEN)
    # The HTTP client itself repeats once what only reads.
    till.gateway.sandbox.faults.plan(operation, fault, times=2)
    await till.collect()
    for _ in range(3):
        await till.collect(LATER)
    assert (await outcome(till, payer)).state == SUCCEEDED
    assert till.taken() == [Money("EUR", TEN)]
    assert await till.wallet(payer) == TEN


async def test_two_replicas_make_one_payment(till: Till, payer: Account) -> None:
    """They find the same collections due, at the same time."""
    card, other = await till.attach(payer), another(till)
    for _ in range(5):
        await till.order(payer, card, TEN)
    await asyncio.gather(till.collect(), other.collect())
    await asyncio.gather(till.collect(LATER), other.collect())
    assert till.taken() == [Money("EUR", 5 * TEN)]
    assert await till.wallet(payer) == 5 * TEN
    assert len(await till.payments(payer)) == 5


async def test_a_replica_that_was_slow_changes_no_outcome(till: Till, payer: Account) -> None:
    """What it learned is about a collection that has gone on: it is refused, or has ended."""
    asked = await till.order(payer, await till.attach(payer), TEN)
    stale = await till.database.read(lambda c: get_collection(c, TENANT, asked.collection_id))
    await till.database.write(lambda uow: note_reference(uow.connection, stale, "pi_first"))
    noted = await till.database.write(
        lambda uow: note_reference(uow.connection, stale, "pi_second")
    )
    assert noted.reference == "pi_first"
    refused = Settlement(SettlementState.DECLINED, failure_code="refused")
    assert not await till.database.write(lambda uow: end_collection(uow, stale, refused))
    assert (await outcome(till, payer)).state == PENDING
    assert await till.database.write(lambda uow: end_collection(uow, noted, refused))
    assert not await till.database.write(lambda uow: end_collection(uow, noted, refused))
    late = await till.database.write(lambda uow: note_reference(uow.connection, stale, "pi_third"))
    assert (late.reference, late.is_pending) == ("pi_first", False)
    assert len(await till.failures()) == 1


async def test_a_direct_debit_is_asked_for_until_it_settles(
    till: Till, payer: Account, gateway_clock: MovableClock
) -> None:
    """It takes days; nothing is posted before it is certain."""
    await till.order(payer, await till.attach(payer, SEPA), TEN)
    await till.collect()
    for _ in range(3):
        await till.collect(ATTEMPT_PAUSE_MAX)
    waiting = await outcome(till, payer)
    assert (waiting.state, waiting.attempt_count) == (PENDING, 4)
    assert await till.wallet(payer) == 0
    gateway_clock.ahead_seconds = PROCESSING_SECONDS
    await till.collect(ATTEMPT_PAUSE_MAX)
    assert (await outcome(till, payer)).state == SUCCEEDED
    (payment,) = await till.payments(payer)
    assert payment.receipt.method == PaymentMethod.DIRECT_DEBIT


async def test_pauses_between_attempts_grow_to_an_hour(till: Till, payer: Account) -> None:
    """A gateway that is away for long is not asked all the time, and never given up."""
    await till.order(payer, await till.attach(payer), TEN)
    (till.gateway.keys_dir / f"stripe.{TENANT}").unlink()
    pauses = []
    for _ in range(12):
        await till.collect()
        waiting = await outcome(till, payer)
        assert waiting.state == PENDING
        pause = waiting.next_attempt_time.ToDatetime(till.clock().tzinfo) - till.clock()
        pauses.append(int(pause.total_seconds()))
        till.clock.pass_by(pause)
    assert pauses == [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600, 3600]
    till.gateway.give_key(TENANT)
    await till.collect()
    assert (await outcome(till, payer)).state == SUCCEEDED


async def test_a_decline_is_told_and_takes_no_money(till: Till, payer: Account) -> None:
    """Nothing follows by itself of what somebody has asked for."""
    card = await till.attach(payer, "pm_card_chargeDeclinedInsufficientFunds")
    asked = await till.order(payer, card, TEN)
    await till.collect()
    ended = await outcome(till, payer)
    assert (ended.state, ended.failure_code) == (DECLINED, "insufficient_funds")
    (told,) = await till.failures()
    assert (told.collection_id, told.failure_code) == (asked.collection_id, "insufficient_funds")
    assert told.purpose == collection_pb2.COLLECTION_PURPOSE_REQUESTED
    assert not told.HasField("next_attempt_time")
    await till.collect(timedelta(days=30))
    assert len(await till.collected(payer)) == 1
    assert (await till.wallet(payer), till.taken()) == (0, [])


async def test_an_amount_that_the_gateway_never_takes_is_declined(till: Till) -> None:
    """Three decimals are whole coins in Kuwait; this gateway takes no finer ones than ten fils."""
    payer = await till.customer(0, currency="KWD")
    await till.order(payer, await till.attach(payer), 1_001_000)
    await till.collect()
    ended = await outcome(till, payer)
    assert (ended.state, ended.failure_code) == (DECLINED, "amount_not_supported")


@pytest.mark.parametrize(
    ("currency", "micros"), [("JPY", 500 * UNIT), ("KWD", 5_250_000), ("EUR", 19_990_000)]
)
async def test_amounts_arrive_exactly(till: Till, currency: str, micros: int) -> None:
    """Whatever the gateway calls a coin."""
    payer = await till.customer(0, currency=currency)
    await till.order(payer, await till.attach(payer), micros)
    await till.collect()
    assert await till.wallet(payer) == micros
    assert till.taken() == [Money(currency, micros)]


@pytest.mark.parametrize(
    ("currency", "micros"), [("EUR", 0), ("EUR", -TEN), ("EUR", 5_000), ("JPY", 500_000)]
)
async def test_parts_of_a_coin_and_nothing_are_not_collected(
    till: Till, currency: str, micros: int
) -> None:
    """Neither half a cent nor half a yen."""
    payer = await till.customer(0, currency=currency)
    with pytest.raises(DomainError, match="INVALID_COLLECTION"):
        await till.order(payer, await till.attach(payer), micros)


async def test_one_collection_that_cannot_be_posted_holds_up_no_other(
    till: Till, payer: Account
) -> None:
    """Its account is paid for by another one meanwhile; the money waits until that is mended."""
    other = await till.customer(0)
    await till.order(payer, await till.attach(payer), TEN)
    await till.order(other, await till.attach(other), TEN)
    moved = account(PaymentMode.PREPAID, account_id=payer.account_id)
    object.__setattr__(moved, "payer_account_id", other.account_id)
    await till.announce(moved)
    await till.collect()
    assert (await outcome(till, payer)).state == PENDING
    assert await till.wallet(other) == TEN


async def test_a_collection_of_another_tenant_or_of_none_is_not_found(till: Till) -> None:
    """Neither is there for whoever asks."""
    request = messages.GetCollectionRequest(collection_id=new_uuid())
    with pytest.raises(DomainError, match="COLLECTION_NOT_FOUND"):
        await till.collections.GetCollection(request, None)

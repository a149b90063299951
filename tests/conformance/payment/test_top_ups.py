"""An account keeps money on its wallet by itself, within what its policy allows."""

import asyncio
from datetime import UTC, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.grpc.endpoint import Endpoint
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.api.funds import FundsApi
from services.payment.domain.collections.top_up import TopUp, TopUpPolicy
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.store.top_up_policies import save_top_up
from tests.conformance.payment.books import account
from tests.conformance.payment.collecting import (
    EXPIRED,
    FIVE,
    LATER,
    NO_MONEY,
    TEN,
    UNIT,
    Till,
    another,
)
from tests.conformance.payment.holding import money, place
from tollbook.payment.v1 import collection_pb2, funds_service_pb2
from tollbook.payment.v1.payment_events_pb2 import PaymentSettled

ACTIVE = collection_pb2.TOP_UP_STATE_ACTIVE
SUSPENDED = collection_pb2.TOP_UP_STATE_SUSPENDED
PENDING = collection_pb2.COLLECTION_STATE_PENDING

DAY = timedelta(days=1)


async def topped_up(till: Till, micros: int = 0, **details: Any) -> Account:
    """An account that takes ten when no more than five are left."""
    payer = await till.customer(micros, **details)
    await till.set_top_up(payer, await till.attach(payer), FIVE, TEN)
    return payer


async def with_card(till: Till, method: str) -> Account:
    """An account with nothing, that takes ten of such a card."""
    payer = await till.customer(0)
    await till.set_top_up(payer, await till.attach(payer, method), FIVE, TEN)
    return payer


async def test_what_falls_to_the_threshold_is_topped_up(till: Till) -> None:
    """Six are above it and take nothing; five take ten, once."""
    payer = await topped_up(till, 7 * UNIT)
    await till.use(payer, UNIT)
    await till.collect()
    assert await till.collected(payer) == []
    await till.use(payer, UNIT)
    (asked,) = await till.collected(payer)
    assert (asked.state, asked.actor) == (PENDING, "payment")
    assert asked.purpose == collection_pb2.COLLECTION_PURPOSE_TOP_UP
    await till.use(payer, UNIT)
    await till.collect()
    assert await till.wallet(payer) == 4 * UNIT + TEN
    assert len(await till.collected(payer)) == 1
    assert len(await till.events(PaymentSettled)) == 2
    assert await till.is_whole()


async def test_an_account_is_looked_at_when_its_policy_is_laid_down(till: Till) -> None:
    """It has little already, and may never post anything again."""
    payer = await topped_up(till)
    await till.collect()
    assert await till.wallet(payer) == TEN


async def test_it_is_taken_again_until_there_is_more_than_the_threshold(till: Till) -> None:
    """Twelve are owed: ten make it two less than nothing, twenty eight."""
    payer = await topped_up(till, 6 * UNIT)
    await till.use(payer, 18 * UNIT)
    await till.collect()
    assert await till.wallet(payer) == 8 * UNIT
    assert till.taken() == [Money("EUR", 2 * TEN)]


async def test_a_credit_limit_counts_and_a_hold_does_not(till: Till) -> None:
    """What is left to spend is looked at, as for thresholds; taking credit away is noticed."""
    payer = await topped_up(till, 6 * UNIT)
    await till.one(place(payer, 6 * UNIT))
    assert await till.collected(payer) == []
    await limit(till, payer, FIVE)
    await till.use(payer, 4 * UNIT)
    assert await till.collected(payer) == []
    await limit(till, payer, 0)
    assert len(await till.collected(payer)) == 1


async def limit(till: Till, payer: Account, micros: int) -> None:
    """Lay down a credit limit."""
    request = funds_service_pb2.UpdateFundsPolicyRequest(
        account_id=payer.account_id,
        policy=funds_service_pb2.FundsPolicy(credit_limit=money(payer, micros)),
        update_mask=FieldMask(paths=["credit_limit"]),
        request_id=new_uuid(),
    )
    await FundsApi(Endpoint(till.database)).UpdateFundsPolicy(request, None)


async def test_postings_at_once_make_one_collection(till: Till) -> None:
    """Many calls end below the threshold, on two replicas, while the collector works."""
    payer, other = await topped_up(till, 20 * UNIT), another(till)
    jobs = [each.use(payer, UNIT) for each in (till, other) for _ in range(9)]
    await asyncio.gather(*jobs, till.collect(), other.collect())
    await till.collect(LATER)
    assert await till.wallet(payer) == 2 * UNIT + TEN
    assert till.taken() == [Money("EUR", TEN)]


async def test_a_declined_card_is_tried_on_a_schedule_and_then_left_alone(till: Till) -> None:
    """After 1, 6, 24 and 72 hours, a new collection each; then nobody asks until somebody acts."""
    payer, asked_at = await with_card(till, NO_MONEY), [0]
    await till.collect()
    for hours in range(1, 24 * 30):
        before = len(await till.collected(payer)) if hours in {1, 7, 31, 103} else None
        if before is None:
            till.clock.pass_by(timedelta(hours=1))
            continue
        await till.collect(timedelta(minutes=59))
        assert len(await till.collected(payer)) == before, "too early"
        await till.collect(timedelta(minutes=1))
        asked_at.append(hours)
    assert len(await till.collected(payer)) == len(asked_at) == 5
    policy = await till.top_up(payer)
    assert (policy.state, policy.suspend_reason) == (SUSPENDED, "insufficient_funds")
    told = [each.HasField("next_attempt_time") for each in await till.failures()]
    assert told == [True] * 4 + [False]
    assert till.taken() == []


async def test_postings_do_not_hurry_a_card_that_was_declined(till: Till) -> None:
    """Its next time stands, however little is left."""
    payer = await with_card(till, NO_MONEY)
    await till.collect()
    for _ in range(3):
        await till.use(payer, UNIT)
        await till.collect(timedelta(minutes=10))
    assert len(await till.collected(payer)) == 1


async def test_a_card_that_no_time_heals_is_suspended_at_once(till: Till) -> None:
    """An expired one stays expired; a new one, set by somebody, is asked at once."""
    payer = await with_card(till, EXPIRED)
    await till.collect()
    policy = await till.top_up(payer)
    assert (policy.state, policy.suspend_reason) == (SUSPENDED, "expired_card")
    await till.use(payer, UNIT)
    await till.collect(30 * DAY)
    assert len(await till.collected(payer)) == 1
    await till.set_top_up(payer, await till.attach(payer), FIVE, TEN)
    await till.collect()
    assert (await till.top_up(payer)).state == ACTIVE
    assert await till.wallet(payer) == TEN - UNIT


async def test_a_success_begins_the_schedule_anew(till: Till) -> None:
    """The card has money again, and none some weeks later: an hour, not a day."""
    payer = await with_card(till, f"{NO_MONEY}_anna")
    await till.collect()
    await till.collect(timedelta(hours=1))
    till.gateway.sandbox.behave(f"{NO_MONEY}_anna", "pm_card_visa")
    await till.collect(timedelta(hours=6))
    assert await till.wallet(payer) == TEN
    till.gateway.sandbox.behave(f"{NO_MONEY}_anna", NO_MONEY)
    await till.use(payer, TEN)
    await till.collect()
    next_time = (await till.top_up(payer)).next_time.ToDatetime(UTC)
    assert next_time - till.clock() == timedelta(hours=1)


async def test_money_from_elsewhere_ends_the_wait(till: Till) -> None:
    """When the time has come there is enough: nothing is asked for."""
    payer = await with_card(till, NO_MONEY)
    await till.collect()
    await till.pay(payer, 2 * TEN)
    await till.collect(DAY)
    assert len(await till.collected(payer)) == 1
    assert not (await till.top_up(payer)).HasField("next_time")


async def test_a_decline_of_a_card_that_was_replaced_stops_nothing(till: Till) -> None:
    """The policy names another one by then, which is asked at once."""
    payer = await with_card(till, EXPIRED)
    await till.set_top_up(payer, await till.attach(payer), FIVE, TEN)
    await till.collect()
    assert (await till.top_up(payer)).state == ACTIVE
    assert await till.wallet(payer) == TEN


async def test_a_policy_taken_away_asks_for_nothing_more(till: Till) -> None:
    """What was asked for goes on; set again, it does not ask a second time beside it."""
    payer = await till.customer(0)
    card = await till.attach(payer)
    await till.set_top_up(payer, card, FIVE, TEN)
    await till.lay_down(payer, None)
    assert not (await till.top_up(payer)).ListFields()
    await till.set_top_up(payer, card, FIVE, TEN)
    assert len(await till.collected(payer)) == 1
    await till.lay_down(payer, None)
    await till.collect()
    await till.use(payer, TEN)
    await till.collect(DAY)
    assert till.taken() == [Money("EUR", TEN)]


async def test_a_policy_that_cannot_be_looked_at_holds_up_no_other(till: Till) -> None:
    """Its account is not known, and it waits for longer."""
    payer = await with_card(till, NO_MONEY)
    await till.collect()
    lost, policy = account(PaymentMode.PREPAID), TopUpPolicy("card", *[Money("EUR", TEN)] * 2)
    waiting = TopUp(policy, next_time=till.clock())
    await till.database.write(lambda uow: save_top_up(uow.connection, lost, waiting))
    await till.collect(timedelta(hours=1))
    assert len(await till.collected(payer)) == 2


async def test_a_postpaid_account_has_no_wallet_to_top_up(till: Till) -> None:
    """It pays by invoice."""
    payer = account(PaymentMode.POSTPAID)
    await till.announce(payer)
    with pytest.raises(DomainError, match="NO_WALLET"):
        await till.set_top_up(payer, await till.attach(payer), FIVE, TEN)


@pytest.mark.parametrize(
    ("threshold", "amount", "limits", "field"),
    [
        (-1, TEN, {}, "threshold"),
        (FIVE, 0, {}, "amount"),
        (FIVE, 5_000, {}, "amount"),
        (FIVE, TEN, {"daily_limit": TEN - 1}, "daily_limit"),
        (FIVE, TEN, {"monthly_limit": FIVE}, "monthly_limit"),
    ],
)
async def test_a_policy_that_could_not_work_is_refused(
    till: Till, threshold: int, amount: int, limits: dict[str, int], field: str
) -> None:
    """The refusal names the field."""
    payer = await till.customer(0)
    card = await till.attach(payer)
    with pytest.raises(DomainError, match="INVALID_TOP_UP_POLICY") as refused:
        await till.set_top_up(payer, card, threshold, amount, **limits)
    assert [each.field for each in refused.value.field_violations] == [f"policy.{field}"]


async def test_a_policy_in_another_currency_is_refused(till: Till) -> None:
    """As is one in several."""
    payer, other = await till.customer(0), await till.customer(0, currency="USD")
    card = await till.attach(payer)
    for threshold, amount in ((payer, other), (other, other)):
        policy = collection_pb2.TopUpPolicy(
            threshold=money(threshold, FIVE), amount=money(amount, TEN), instrument_id=card
        )
        with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
            await till.lay_down(payer, policy)

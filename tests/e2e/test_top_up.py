"""Accounts that top themselves up, through the processes of `make run` and the sandbox gateway."""

from datetime import timedelta

import pytest
import pytest_asyncio
from google.type.money_pb2 import Money

from kernel.errors import DomainError
from tests.support.operator import MONTH, Operator
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.suite import Suite, fact, request_id
from tests.support.top_ups import TopUps
from tollbook.payment.v1 import collection_pb2 as collection
from tollbook.payment.v1 import collection_service_pb2 as service

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

TENANT = "topup"
EURO = 10**6
STARTED_WITH = {"card": 6, "expired": 6, "debit": 1, "asked": 1}
# 0.12 EUR a minute.
HOUR_COSTS = 7_200_000
MOBILE = "31612345678"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(sqlite_suite: Suite) -> Operator:
    """A tenant with prepaid accounts and a key of the gateway."""
    operator = Operator(sqlite_suite, TENANT)
    await operator.set_up([])
    await operator.create_prepaid_accounts(STARTED_WITH)
    return operator


@pytest.fixture
def top_ups(suite: Suite, operator: Operator) -> TopUps:
    return TopUps(suite, operator)


async def an_hour_of(suite: Suite, operator: Operator, code: str) -> None:
    """The account calls a mobile for an hour."""
    call = PlacedCall(code, MOBILE, MONTH + timedelta(hours=1), 3_600, f"{code}-1")
    await operator.import_file(asterisk_csv([call]), name=f"{code}.csv")
    await suite.caught_up("rating", "tollbook.cdr.v1.CallsCollected")
    await suite.caught_up("payment", "tollbook.rating.v1.CallsRated")


async def test_a_call_that_empties_a_wallet_fills_it_again(
    suite: Suite, operator: Operator, top_ups: TopUps
) -> None:
    """The money of one top-up is in the books, at the gateway, and known to invoice."""
    instrument = await top_ups.attach("card", "pm_card_visa_e2e")
    assert instrument.label == "Visa 4242"
    await top_ups.top_up("card", instrument.instrument_id, threshold=2, amount=20)
    assert await top_ups.collections("card") == []
    await an_hour_of(suite, operator, "card")
    expected = STARTED_WITH["card"] * EURO - HOUR_COSTS + 20 * EURO
    await fact("the wallet is full", lambda: top_ups.wallet_micros("card"), expected.__eq__)
    [topped] = await top_ups.collections("card")
    assert topped.state == collection.COLLECTION_STATE_SUCCEEDED
    assert topped.purpose == collection.COLLECTION_PURPOSE_TOP_UP
    assert (await top_ups.posted())[topped.collection_id] == 20 * EURO
    await suite.caught_up("invoice", "tollbook.payment.v1.PaymentSettled")


async def test_a_card_that_has_expired_is_asked_once_and_another_one_goes_on(
    suite: Suite, operator: Operator, top_ups: TopUps
) -> None:
    """The policy is suspended with the reason; setting it with another card ends that."""
    expired = await top_ups.attach("expired", "pm_card_chargeDeclinedExpiredCard_e2e")
    await top_ups.top_up("expired", expired.instrument_id, threshold=2, amount=20)
    await an_hour_of(suite, operator, "expired")

    async def reason() -> str:
        return (await top_ups.policy("expired")).suspend_reason

    await fact("the policy is suspended", reason, "expired_card".__eq__)
    assert len(await top_ups.collections("expired")) == 1
    visa = await top_ups.attach("expired", "pm_card_visa_other")
    await top_ups.top_up("expired", visa.instrument_id, threshold=2, amount=20)
    expected = STARTED_WITH["expired"] * EURO - HOUR_COSTS + 20 * EURO
    await fact("the wallet is full", lambda: top_ups.wallet_micros("expired"), expected.__eq__)
    assert (await top_ups.policy("expired")).state == collection.TOP_UP_STATE_ACTIVE


async def test_a_direct_debit_is_waited_for(top_ups: TopUps) -> None:
    """It is processed at the bank first; meanwhile no other one is begun."""
    mandate = await top_ups.attach("debit", "pm_sepa_success_e2e")
    await top_ups.top_up("debit", mandate.instrument_id, threshold=2, amount=20)
    await fact("the wallet is full", lambda: top_ups.wallet_micros("debit"), (21 * EURO).__eq__)
    assert len(await top_ups.collections("debit")) == 1


async def test_money_that_is_asked_for_now_comes_once_though_the_answer_is_lost(
    top_ups: TopUps, operator: Operator
) -> None:
    """The request is repeated, and the gateway's answer lost after it took the money."""
    card = await top_ups.attach("asked", "pm_fault_answerLost_e2e")
    request = service.CollectPaymentRequest(
        account_id=operator.accounts["asked"],
        instrument_id=card.instrument_id,
        amount=Money(currency_code="EUR", units=9, nanos=990_000_000),
        request_id=request_id(),
    )
    first = (await top_ups.stub.CollectPayment(request)).collection
    assert (await top_ups.stub.CollectPayment(request)).collection == first
    await fact("the wallet is full", lambda: top_ups.wallet_micros("asked"), (10_990_000).__eq__)
    [asked] = await top_ups.collections("asked")
    assert asked.attempt_count > 1


async def test_an_instrument_that_the_gateway_does_not_know_is_refused_at_once(
    top_ups: TopUps,
) -> None:
    """With the way out."""
    with pytest.raises(DomainError, match="UNKNOWN_INSTRUMENT"):
        await top_ups.attach("card", "pm_nobody")


async def test_what_the_gateway_took_is_what_is_in_the_books(top_ups: TopUps) -> None:
    """Collection by collection, after all of the above."""
    taken = await top_ups.taken()
    assert len(taken) == 4
    assert taken == await top_ups.posted()

"""What money may be taken from: references that a gateway knows, and never the number of a card."""

import pytest

from deploy.local.sandbox_gateway.faults import Fault
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from tests.conformance.payment.collecting import LATER, TENANT, UNIT, Till
from tests.conformance.payment.holding import act_as
from tollbook.invoice.v1.invoice_events_pb2 import CustomerErased
from tollbook.payment.v1 import collection_pb2
from tollbook.payment.v1 import collection_service_pb2 as messages

# A number of the test mode's, in two halves: no committed file has one.
CARD_NUMBER = "42424242" + "42424242"


async def listed(till: Till, account_id: str = "") -> list[collection_pb2.PaymentInstrument]:
    request = messages.ListPaymentInstrumentsRequest(account_id=account_id)
    return list((await till.collections.ListPaymentInstruments(request, None)).instruments)


async def test_an_instrument_is_kept_with_what_the_gateway_tells_of_it(till: Till) -> None:
    """Its kind, a label for people and when it expires; newest first."""
    payer = await till.customer(0)
    card = await till.attach(payer)
    bank = await till.attach(payer, "pm_sepa_success")
    newest, first = await listed(till, payer.account_id)
    assert (first.instrument_id, newest.instrument_id) == (card, bank)
    assert (first.kind, first.label) == (collection_pb2.INSTRUMENT_KIND_CARD, "Visa 4242")
    assert first.expire_month.day == 1
    assert newest.kind == collection_pb2.INSTRUMENT_KIND_DIRECT_DEBIT
    assert not newest.HasField("expire_month")


async def test_an_erased_customer_is_asked_for_no_more_money(till: Till) -> None:
    """Instruments and policies of all the accounts are forgotten, also where there are none."""
    payer, other = await till.customer(0), await till.customer(0)
    card, kept = await till.attach(payer), await till.attach(other)
    await till.set_top_up(payer, card, threshold=UNIT, amount=10 * UNIT)
    await till.collect()
    for _ in range(2):
        erased = CustomerErased(account_ids=[payer.account_id, new_uuid()])
        await till.deliver((erased, payer))
    assert [each.instrument_id for each in await listed(till)] == [kept]
    assert not (await till.top_up(payer)).HasField("amount")
    await till.use(payer, 10 * UNIT)
    await till.collect(after=LATER)
    assert till.taken() == [Money(payer.currency, 10 * UNIT)]


async def test_what_an_erased_customer_was_asked_for_is_not_begun_any_more(till: Till) -> None:
    """The gateway has not heard of it, and will not."""
    payer = await till.customer(0)
    await till.order(payer, await till.attach(payer), 10 * UNIT)
    await till.deliver((CustomerErased(account_ids=[payer.account_id]), payer))
    await till.collect()
    assert [each.failure_code for each in await till.failures()] == ["instrument_detached"]
    assert till.taken() == []


async def test_an_instrument_of_another_kind_or_of_nobody_is_refused(till: Till) -> None:
    """The gateway is asked before anything is kept."""
    payer = await till.customer(0)
    for method, reason in (
        ("pm_nothing", "UNKNOWN_INSTRUMENT"),
        ("pm_wallet", "UNSUPPORTED_INSTRUMENT"),
    ):
        with pytest.raises(DomainError, match=reason):
            await till.attach(payer, method)
    assert await listed(till) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("gateway", "bank"),
        ("customer_reference", ""),
        ("method_reference", "pm 1"),
        ("method_reference", "x" * 256),
        ("method_reference", CARD_NUMBER),
        ("method_reference", f"pm_{CARD_NUMBER}"),
        ("customer_reference", "-".join(CARD_NUMBER[n : n + 4] for n in range(0, 16, 4))),
    ],
)
async def test_a_card_number_and_what_is_no_reference_is_refused(
    till: Till, field: str, value: str
) -> None:
    """Before it goes anywhere, and the refusal does not repeat it."""
    payer = await till.customer(0)
    with pytest.raises(DomainError, match="INVALID_INSTRUMENT") as refused:
        await till.attach(payer, **{"method": "pm_card_visa", field: value})
    assert [each.field for each in refused.value.field_violations] == [f"instrument.{field}"]
    assert CARD_NUMBER not in refused.value.message


async def test_references_may_have_digits_that_are_no_card(till: Till) -> None:
    """Thirteen digits whose last one does not check are not a card's."""
    payer = await till.customer(0)
    assert await till.attach(payer, customer_reference="cus_4242424242420")


async def test_an_instrument_is_attached_to_an_account_once(till: Till) -> None:
    """Another account may have it too: one person may pay for several."""
    payer, other = await till.customer(0), await till.customer(0)
    await till.attach(payer)
    with pytest.raises(DomainError, match="INSTRUMENT_EXISTS"):
        await till.attach(payer)
    assert await till.attach(other)


async def test_a_gateway_that_does_not_answer_is_told_to_the_caller(till: Till) -> None:
    """He may try again; without a key for the tenant that is no use."""
    payer = await till.customer(0)
    till.gateway.sandbox.faults.plan("method", Fault.ERROR)
    with pytest.raises(DomainError, match="GATEWAY_UNAVAILABLE"):
        await till.attach(payer)
    (till.gateway.keys_dir / f"stripe.{TENANT}").unlink()
    with pytest.raises(DomainError, match="GATEWAY_NOT_CONFIGURED"):
        await till.attach(payer)


async def test_a_repeated_request_does_not_ask_the_gateway_again(till: Till) -> None:
    """It gets the first answer, also when the gateway is away by then."""
    payer = await till.customer(0)
    instrument = collection_pb2.PaymentInstrument(
        account_id=payer.account_id,
        gateway="stripe",
        customer_reference="cus_anna",
        method_reference="pm_card_visa",
    )
    request = messages.AttachPaymentInstrumentRequest(instrument=instrument, request_id=new_uuid())
    first = await till.collections.AttachPaymentInstrument(request, None)
    (till.gateway.keys_dir / f"stripe.{TENANT}").unlink()
    assert await till.collections.AttachPaymentInstrument(request, None) == first


async def test_a_detached_instrument_is_forgotten(till: Till) -> None:
    """Nothing can be asked of it any more."""
    payer = await till.customer(0)
    card = await till.attach(payer)
    await till.detach(card)
    assert await listed(till) == []
    with pytest.raises(DomainError, match="INSTRUMENT_NOT_FOUND"):
        await till.order(payer, card, UNIT)
    with pytest.raises(DomainError, match="INSTRUMENT_NOT_FOUND"):
        await till.detach(card)


async def test_an_instrument_of_a_policy_is_not_detached(till: Till) -> None:
    """Only when the policy is gone, or names another one."""
    payer = await till.customer(5 * UNIT)
    card = await till.attach(payer)
    await till.set_top_up(payer, card, UNIT, 10 * UNIT)
    with pytest.raises(DomainError, match="INSTRUMENT_IN_USE"):
        await till.detach(card)
    await till.lay_down(payer, None)
    await till.detach(card)


async def test_a_collection_outlives_its_instrument_once_the_gateway_knows_it(till: Till) -> None:
    """Money that may be on its way is posted; what was never asked for is declined."""
    payer = await till.customer(0)
    card = await till.attach(payer)
    asked = await till.order(payer, card, UNIT)
    till.gateway.sandbox.faults.plan("confirm", Fault.ANSWER_LOST)
    await till.collect()
    never = await till.order(payer, card, 2 * UNIT)
    await till.detach(card)
    await till.collect(LATER)
    states = {each.collection_id: each for each in await till.collected(payer)}
    assert states[asked.collection_id].state == collection_pb2.COLLECTION_STATE_SUCCEEDED
    assert states[never.collection_id].failure_code == "instrument_detached"
    assert till.taken() == [Money("EUR", UNIT)]
    assert await till.wallet(payer) == UNIT


async def test_an_instrument_of_another_account_or_tenant_is_not_found(till: Till) -> None:
    """Nobody pays with another one's card."""
    payer, other = await till.customer(0), await till.customer(0)
    card = await till.attach(payer)
    with pytest.raises(DomainError, match="INSTRUMENT_NOT_FOUND"):
        await till.order(other, card, UNIT)
    with pytest.raises(DomainError, match="INSTRUMENT_NOT_FOUND"):
        await till.set_top_up(other, card, UNIT, UNIT)
    act_as("umbrella")
    assert await listed(till) == []
    with pytest.raises(DomainError, match="INSTRUMENT_NOT_FOUND"):
        await till.detach(card)

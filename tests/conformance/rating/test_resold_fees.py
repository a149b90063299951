"""Each reseller above a customer pays for its fees and numbers by a plan of its own."""

from datetime import datetime
from typing import Any

import pytest
from google.type.decimal_pb2 import Decimal

from chassis.grpc.convert import range_to_proto, time_to_proto
from chassis.grpc.endpoint import Endpoint
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.period import Period
from services.rating.api.exchange_rates import ExchangeRateApi
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import APRIL, BEGINNING, MARCH, NOON, euros, seconds_later
from tests.conformance.rating.test_parties import explained
from tests.conformance.rating.test_periods import charge_fee as charge_monthly
from tests.conformance.rating.test_refunds import refund
from tests.conformance.rating.test_usage import SHEET, deck
from tollbook.rating.v1 import plan_pb2 as plan
from tollbook.rating.v1 import usage_service_pb2 as messages
from tollbook.rating.v1.charge_pb2 import Charge
from tollbook.rating.v1.exchange_rate_pb2 import ExchangeRate
from tollbook.rating.v1.service_pb2 import SERVICE_DID_RENTAL
from tollbook.rating.v1.tariff_service_pb2 import AddExchangeRatesRequest
from tollbook.type.v1.call_pb2 import PARTY_CUSTOMER, PARTY_RESELLER
from tools.check_receipt import check

SECOND_DAY = seconds_later(BEGINNING, 86_400)


def setup(desk: Desk, euros: int) -> plan.Fee:
    """The set-up of a number."""
    return plan.Fee(code="setup", display_name="Set-up", amount=desk.money(euros * 1_000_000))


async def give(desk: Desk, **terms: Any) -> None:
    """Give the customer's plan terms."""
    await desk.publish_terms(SECOND_DAY, **terms)


async def sold_by(desk: Desk, account_id: str, code: str, above: str = "", **terms: Any) -> str:
    """The reseller of an account, whose plan has these terms."""
    seller_id, retail_id = new_uuid(), desk.plan_id
    desk.plan_id = new_uuid()
    await desk.create_plan(code=code)
    await desk.publish_terms(SECOND_DAY, **terms)
    await desk.know_account(seller_id, reseller_account_id=above)
    await desk.subscribe(seller_id, desk.plan_id)
    desk.plan_id = retail_id
    await desk.know_account(account_id, reseller_account_id=seller_id)
    return seller_id


async def charge_setup(desk: Desk, request_id: str = "") -> Charge:
    """Charge the customer's set-up."""
    request = messages.ChargeFeeRequest(
        account_id=desk.account_id,
        fee_code="setup",
        fee_id="order-7",
        due_time=time_to_proto(NOON),
        request_id=request_id or new_uuid(),
    )
    return (await desk.usage.ChargeFee(request, None)).charge


async def rent(desk: Desk, request_id: str = "") -> Charge:
    """Rent a number to the customer for the first ten days of March."""
    request = messages.ChargeFeeRequest(
        account_id=desk.account_id,
        did="31201234567",
        fee_id="did-1",
        covered_period=range_to_proto((MARCH.start, seconds_later(MARCH.start, 10 * 86_400))),
        request_id=request_id or new_uuid(),
    )
    return (await desk.usage.ChargeFee(request, None)).charge


async def numbers(desk: Desk, code: str, price: str, prefix: str = "3120") -> list[str]:
    """The retail deck and one of numbers."""
    voice = desk.deck_id
    decks = [voice, await deck(desk, code, SERVICE_DID_RENTAL, prefix, price)]
    desk.deck_id = voice
    return decks


async def publish(desk: Desk, code: str, effective: datetime) -> None:
    """Give a deck of numbers a version that has the customer's."""
    content = SHEET.format(prefix="3120", name="Numbers", price="1.55")
    await desk.publish_deck(content, code, effective, SERVICE_DID_RENTAL)


async def add_rate(desk: Desk, currency: str, rate: str) -> None:
    """What a euro costs in another currency, from the beginning on."""
    added = ExchangeRate(
        from_currency_code="EUR",
        to_currency_code=currency,
        rate=Decimal(value=rate),
        effective_time=time_to_proto(BEGINNING),
        source="ECB",
    )
    request = AddExchangeRatesRequest(exchange_rates=[added], request_id=new_uuid())
    await ExchangeRateApi(Endpoint(desk.database)).AddExchangeRates(request, None)


async def chain_of(desk: Desk, charge: Charge) -> list[Charge]:
    """The charges of a fee, from the customer up."""
    answer = await explained(desk, charge)
    return [answer.charge, *answer.other_parties]


async def test_each_level_pays_the_fee_of_its_own_plan(desk: Desk) -> None:
    """The set-up costs the customer 25, the reseller 15 and the one above 10."""
    await give(desk, fees=[setup(desk, 25)])
    top = await sold_by(desk, desk.account_id, "top", fees=[setup(desk, 10)])
    await sold_by(desk, desk.account_id, "middle", above=top, fees=[setup(desk, 15)])
    chain = await chain_of(desk, await charge_setup(desk))
    assert [(each.party, each.party_level) for each in chain] == [
        (PARTY_CUSTOMER, 0),
        (PARTY_RESELLER, 1),
        (PARTY_RESELLER, 2),
    ]
    assert euros(chain) == ["25.0000", "15.0000", "10.0000"]
    assert [each.margin.units for each in chain[:2]] == [10, 5]
    assert sum(await desk.deltas()) == 50_000_000


async def test_a_fee_that_is_asked_for_again_is_charged_to_nobody_again(desk: Desk) -> None:
    """The same id gets the same charge, the reseller's included."""
    await give(desk, fees=[setup(desk, 25)])
    seller = await sold_by(desk, desk.account_id, "seller", fees=[setup(desk, 10)])
    assert await charge_setup(desk) == await charge_setup(desk)
    assert euros(await desk.charges(seller)) == ["10.0000"]
    assert sorted(await desk.deltas()) == [10_000_000, 25_000_000]


async def test_a_number_costs_the_reseller_what_its_own_deck_says(desk: Desk) -> None:
    """Ten of 31 days at 3.10 for the customer, at 1.55 for the reseller."""
    await give(desk, rate_deck_ids=await numbers(desk, "numbers", "3.10"))
    decks = await numbers(desk, "wholesale numbers", "1.55")
    await sold_by(desk, desk.account_id, "seller", rate_deck_ids=decks)
    charge = await rent(desk)
    assert euros(await chain_of(desk, charge)) == ["1.0000", "0.5000"]


async def test_a_number_that_the_reseller_s_deck_lacks_is_refused(desk: Desk) -> None:
    """Nobody knows what it costs the reseller: the answer names the account, nothing changes."""
    await give(desk, rate_deck_ids=await numbers(desk, "numbers", "3.10"))
    decks = await numbers(desk, "wholesale numbers", "1.55", prefix="49")
    seller = await sold_by(desk, desk.account_id, "seller", rate_deck_ids=decks)
    with pytest.raises(DomainError, match=r"NO_RATE.*add its prefix to a deck") as refused:
        await rent(desk, request_id := new_uuid())
    assert refused.value.metadata == {"account_id": seller, "number": "31201234567"}
    assert await desk.charges() == await desk.charges(seller) == []
    await publish(desk, "wholesale numbers", MARCH.start)
    charge = await rent(desk, request_id)
    assert euros(await chain_of(desk, charge)) == ["1.0000", "0.5000"]


async def test_a_fee_that_cannot_be_exchanged_for_the_reseller_is_refused(desk: Desk) -> None:
    """It says between which currencies and when; with the rate the same request is charged."""
    await give(desk, fees=[setup(desk, 25)])
    seller = await sold_by(desk, desk.account_id, "seller", fees=[setup(desk, 10)])
    await desk.know_account(seller, currency_code="KWD")
    with pytest.raises(DomainError, match=r"NO_EXCHANGE_RATE.*add one") as refused:
        await charge_setup(desk, request_id := new_uuid())
    told = {
        "account_id": seller,
        "from_currency": "EUR",
        "to_currency": "KWD",
        "effective_time": NOON.isoformat(),
    }
    assert told.items() <= refused.value.metadata.items()
    assert await desk.charges() == await desk.charges(seller) == []
    await add_rate(desk, "KWD", "0.3")
    customer, reseller = await chain_of(desk, await charge_setup(desk, request_id))
    assert (reseller.amount.units, reseller.amount.currency_code) == (3, "KWD")
    assert customer.margin == desk.money(15_000_000)


async def test_a_number_whose_rent_is_yet_to_come_has_a_reason_of_its_own(desk: Desk) -> None:
    """The decks have it from April on: those of the reseller, then those of the customer too."""
    await give(desk, rate_deck_ids=await numbers(desk, "numbers", "3.10"))
    decks = await numbers(desk, "wholesale numbers", "1.55", prefix="49")
    seller = await sold_by(desk, desk.account_id, "seller", rate_deck_ids=decks)
    await publish(desk, "wholesale numbers", APRIL.start)
    with pytest.raises(DomainError, match="RATE_NOT_YET_VALID") as refused:
        await rent(desk)
    assert refused.value.metadata == {"account_id": seller, "number": "31201234567"}
    await publish(desk, "late numbers", APRIL.start)
    await desk.publish_terms(seconds_later(SECOND_DAY, 1), rate_deck_ids=[desk.deck_id])
    with pytest.raises(DomainError, match="RATE_NOT_YET_VALID") as refused:
        await rent(desk)
    assert refused.value.metadata["account_id"] == desk.account_id


async def test_a_reseller_whose_plan_has_no_price_pays_nothing(desk: Desk) -> None:
    """Its charge says so, and the margin is all that the customer pays."""
    await give(desk, fees=[setup(desk, 25)], rate_deck_ids=await numbers(desk, "numbers", "3.10"))
    await sold_by(desk, desk.account_id, "seller")
    for charge in (await charge_setup(desk), await rent(desk)):
        customer, reseller = await chain_of(desk, charge)
        assert (euros([reseller]), reseller.receipt.free) == (["0.0000"], "NO_FEE")
        assert reseller.receipt.kind == customer.receipt.kind
        assert check(reseller.receipt.content) == []
        assert customer.margin == customer.amount


async def test_a_subscription_costs_the_reseller_what_its_plan_names_for_it(desk: Desk) -> None:
    """9.30 a month for the customer, 6.20 for the reseller: 11 of 31 days from the 21st on."""
    await give(desk, monthly_fee=desk.money(9_300_000))
    resold = plan.ResoldPlan(plan_id=desk.plan_id, monthly_fee=desk.money(6_200_000))
    seller = await sold_by(desk, desk.account_id, "seller", resold_plans=[resold])
    covered = Period(seconds_later(MARCH.start, 20 * 86_400), MARCH.end)
    chain = await chain_of(desk, await charge_monthly(desk, covered=covered))
    assert euros(chain) == ["3.3000", "2.2000"]
    assert [check(each.receipt.content) for each in chain] == [[], []]
    assert chain[0].margin == desk.money(1_100_000)
    assert (await desk.seal(account_id=seller)).usage_lines[0].usage_line == "Basic"


async def test_the_own_fee_of_a_reseller_is_none_of_its_customers_subscriptions(desk: Desk) -> None:
    """A reseller pays its own monthly fee for its own subscription, not for each customer."""
    await give(desk, monthly_fee=desk.money(9_300_000))
    await sold_by(desk, desk.account_id, "seller", monthly_fee=desk.money(50_000_000))
    assert euros(await chain_of(desk, await charge_monthly(desk))) == ["9.3000", "0.0000"]


async def test_a_fee_after_the_reseller_s_seal_is_a_correction_there(desk: Desk) -> None:
    """The customer's period is open still, the reseller's is not."""
    await give(desk, fees=[setup(desk, 25)])
    seller = await sold_by(desk, desk.account_id, "seller", fees=[setup(desk, 10)])
    await desk.seal(account_id=seller)
    customer, reseller = await chain_of(desk, await charge_setup(desk))
    assert (customer.correction, reseller.correction) == (False, True)
    assert reseller.billing_period == range_to_proto(APRIL)


async def test_a_fee_is_given_back_to_whom_is_asked_for(desk: Desk) -> None:
    """The order was cancelled: neither the customer nor the reseller pays for it."""
    await give(desk, fees=[setup(desk, 25)])
    seller = await sold_by(desk, desk.account_id, "seller", fees=[setup(desk, 10)])
    answer = await refund(desk, await charge_setup(desk), PARTY_RESELLER)
    assert [each.account_id for each in answer.other_charges] == [seller]
    assert sum(await desk.deltas()) == 0
    [customer, _] = await chain_of(desk, answer.charge)
    assert customer.margin == desk.money(0)


async def test_a_reseller_that_nobody_knows_holds_up_the_fee(desk: Desk) -> None:
    """Its account will be told; until then the fee is refused and may be asked for again."""
    await give(desk, fees=[setup(desk, 25)])
    await desk.know_account(desk.account_id, reseller_account_id=(unknown := new_uuid()))
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT") as refused:
        await charge_setup(desk)
    assert refused.value.metadata["account_id"] == unknown
    assert await desk.charges() == []


async def test_only_plans_that_exist_can_be_resold(desk: Desk) -> None:
    """The revision is refused, and names the plan."""
    unknown = plan.ResoldPlan(plan_id=new_uuid(), monthly_fee=desk.money(1))
    with pytest.raises(DomainError, match="PLAN_NOT_FOUND") as refused:
        await give(desk, resold_plans=[unknown])
    assert unknown.plan_id in refused.value.message

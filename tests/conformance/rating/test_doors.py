"""The doors of rating: decks, plans and prices as a caller of the contract gets them."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from chassis.grpc.convert import time_to_proto
from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import (
    BEGINNING,
    MARCH,
    MOBILE,
    NETHERLANDS,
    NOON,
    UNKNOWN,
    seconds_later,
)
from tests.conformance.rating.sheets import DECK, upload
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked, AccountUnblocked
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.rate_deck_pb2 import RateDeckMapping, RateDeckVersion
from tollbook.type.v1.call_pb2 import RatingOutcome


async def price(desk: Desk, **changes: Any) -> messages.PriceCallResponse:
    """Ask for the price of a minute to the Netherlands, unless changed."""
    fields = {
        "account_id": desk.account_id,
        "callee": NETHERLANDS,
        "start_time": time_to_proto(NOON),
        "duration": Duration(seconds=60),
    }
    return await desk.rating.PriceCall(messages.PriceCallRequest(**{**fields, **changes}), None)


async def reason_of(answer: Any) -> str:
    """The reason for which a request is refused."""
    with pytest.raises(DomainError) as refusal:
        await answer
    return refusal.value.reason


async def test_a_call_is_priced_as_it_would_be_charged(desk: Desk) -> None:
    """The same amount and the same receipt, and nothing is booked."""
    in_words = messages.RECEIPT_DETAIL_WORDS
    quoted = await price(
        desk, callee="+" + MOBILE, duration=Duration(seconds=61), receipt_detail=in_words
    )
    assert await desk.charges() == []
    await desk.collect(desk.call(callee=MOBILE, seconds=61))
    charged = await desk.charge()
    assert (quoted.amount, quoted.receipt) == (charged.amount, charged.receipt)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"account_id": "nobody"}, "UNKNOWN_ACCOUNT"),
        ({"callee": UNKNOWN}, "NO_RATE"),
        ({"callee": "alice"}, "INVALID_NUMBER"),
        ({"duration": Duration(seconds=-1)}, "INVALID_DURATION"),
        ({"duration": Duration(seconds=86_401)}, "INVALID_DURATION"),
        ({"start_time": time_to_proto(seconds_later(BEGINNING, -1))}, "NO_PLAN"),
    ],
)
async def test_a_call_without_a_price_says_why(
    desk: Desk, changes: dict[str, Any], reason: str
) -> None:
    """Each cause has its own stable reason."""
    assert await reason_of(price(desk, **changes)) == reason


async def test_a_blocked_account_gets_no_price_except_for_emergencies(desk: Desk) -> None:
    """Until it is unblocked; a block that comes after its end changes nothing."""
    blocked = AccountBlocked(account_id=desk.account_id, reason="spend", block_time=at(1))
    await desk.hear(blocked)
    assert await reason_of(price(desk)) == "ACCOUNT_BLOCKED"
    emergency = await price(desk, callee="112")
    assert emergency.outcome == RatingOutcome.RATING_OUTCOME_ZERO
    await desk.hear(AccountUnblocked(account_id=desk.account_id, unblock_time=at(3)))
    await desk.hear(AccountBlocked(account_id=desk.account_id, reason="late", block_time=at(2)))
    assert (await price(desk)).amount.nanos == 60_000_000


async def test_calls_of_a_blocked_account_are_charged_all_the_same(desk: Desk) -> None:
    """They were made."""
    await desk.hear(AccountBlocked(account_id=desk.account_id, reason="spend", block_time=at(1)))
    await desk.collect(desk.call())
    assert await desk.deltas() == [60_000]


async def test_a_new_version_prices_calls_from_its_time_on(desk: Desk) -> None:
    """To the microsecond, and at once for every replica's next question."""
    assert (await price(desk)).amount.nanos == 60_000_000
    await desk.publish_deck(DECK.replace("0.06", "0.07"), effective=NOON)
    before = time_to_proto(seconds_later(NOON, -60))
    assert (await price(desk, start_time=before)).amount.nanos == 60_000_000
    assert (await price(desk)).amount.nanos == 70_000_000


async def test_decks_are_asked_in_the_order_of_the_plan(desk: Desk) -> None:
    """The first that knows the number prices it, even if a later one has a longer prefix."""
    override = await desk.publish_deck("prefix,name,price,first,next\n31,Offer,0.01,1,1\n", "offer")
    standard = await desk.publish_deck(DECK + "49,Germany,0.02,1,1\n", "standard")
    ids = [override.version.rate_deck_id, standard.version.rate_deck_id]
    await desk.publish_terms(MARCH.start, rate_deck_ids=ids)
    assert (await price(desk, callee=MOBILE)).receipt.destination == "Offer"
    assert (await price(desk, callee=UNKNOWN)).receipt.destination == "Germany"


async def test_an_import_tells_what_became_of_every_row(desk: Desk) -> None:
    """Received = accepted + rejected, and a draft prices nothing."""
    answer = await desk.import_deck(DECK + "31,Again,1,1,1\nx,No,1,1,1\n")
    assert (answer.received_count, answer.accepted_count, answer.rejected_count) == (5, 3, 2)
    assert [row.reason for row in answer.rejected_rows] == ["DUPLICATE_PREFIX", "INVALID_PREFIX"]
    assert answer.version.state == RateDeckVersion.STATE_DRAFT
    assert answer.version.version == 2
    assert (await price(desk)).amount.nanos == 60_000_000


async def test_rates_are_found_by_the_digits_they_begin_with(desk: Desk) -> None:
    """Whatever the database thinks of the order of letters and marks."""
    version = (await desk.publish_deck(DECK + "32,Belgium,1,1,1\n", effective=NOON)).version
    request = messages.ListRatesRequest(rate_deck_version_id=version.rate_deck_version_id)
    for digits, prefixes in {"31": ["31", "316"], "3": ["31", "316", "32"], "%": []}.items():
        request.prefix = digits
        answer = await desk.decks.ListRates(request, None)
        assert [rate.prefix for rate in answer.rates] == prefixes


async def test_a_name_that_no_database_takes_spoils_only_its_row(desk: Desk) -> None:
    """A file can hold any character."""
    answer = await desk.import_deck(DECK + "49,Ger\0many,1,1,1\n")
    assert [row.reason for row in answer.rejected_rows] == ["INVALID_DESTINATION"]


async def test_a_fee_beyond_every_fee_is_refused(desk: Desk) -> None:
    """It could not be rounded up in what the databases hold."""
    terms = desk.publish_terms(NOON, monthly_fee=desk.money(2**63 - 1))
    assert await reason_of(terms) == "INVALID_TERMS"


async def test_an_import_is_repeated_by_its_request_id(desk: Desk) -> None:
    """The same files get the first answer; other files under the id are refused."""
    header = messages.ImportRateDeckHeader(
        rate_deck_code="retail",
        currency_code="EUR",
        mapping=RateDeckMapping(
            prefix_column="prefix", price_column="price", destination_column="name"
        ),
        request_id=new_uuid(),
    )
    first = await desk.decks.ImportRateDeck(upload(header, DECK.encode()), None)
    again = await desk.decks.ImportRateDeck(upload(header, DECK.encode()), None)
    assert again == first
    other = desk.decks.ImportRateDeck(upload(header, DECK.encode() + b"49,G,1,1,1\n"), None)
    assert await reason_of(other) == "REQUEST_ID_REUSED"


async def test_a_deck_keeps_its_currency(desk: Desk) -> None:
    """A sheet in another one is refused, as is a plan that mixes two without an exchange rate."""
    desk.currency = "CHF"
    assert await reason_of(desk.import_deck(DECK)) == "CURRENCY_MISMATCH"
    swiss = await desk.publish_deck(DECK, "swiss")
    terms = desk.publish_terms(NOON, rate_deck_ids=[swiss.version.rate_deck_id])
    assert await reason_of(terms) == "NO_EXCHANGE_RATE"
    fee = desk.publish_terms(NOON, monthly_fee=desk.money(1))
    assert await reason_of(fee) == "CURRENCY_MISMATCH"


async def test_what_is_published_stays_as_it_is(desk: Desk) -> None:
    """A version is published once, and nothing takes force before what is in force."""
    imported = await desk.import_deck(DECK)
    publish = messages.PublishRateDeckVersionRequest(
        rate_deck_version_id=imported.version.rate_deck_version_id,
        effective_time=time_to_proto(BEGINNING),
        request_id=new_uuid(),
    )
    late = "EFFECTIVE_TIME_NOT_AFTER_PREVIOUS"
    assert await reason_of(desk.decks.PublishRateDeckVersion(publish, None)) == late
    publish.effective_time.FromDatetime(NOON)
    published = await desk.decks.PublishRateDeckVersion(publish, None)
    assert published.version.state == RateDeckVersion.STATE_PUBLISHED
    publish.request_id = new_uuid()
    again = desk.decks.PublishRateDeckVersion(publish, None)
    assert await reason_of(again) == "ALREADY_PUBLISHED"
    assert await reason_of(desk.publish_terms(BEGINNING)) == late


async def test_plans_are_known_by_code_and_id(desk: Desk) -> None:
    """A code is taken once in a tenant; a plan shows its newest terms."""
    assert await reason_of(desk.create_plan(plan_id=new_uuid())) == "PLAN_CODE_TAKEN"
    await desk.publish_terms(NOON, monthly_fee=desk.money(5_000_000), price_decimals=2)
    request = messages.GetPlanRequest(plan_id=desk.plan_id)
    revision = (await desk.plans.GetPlan(request, None)).plan.latest_revision
    assert (revision.revision, revision.price_decimals, revision.monthly_fee.units) == (2, 2, 5)
    unknown = desk.plans.GetPlan(messages.GetPlanRequest(plan_id=new_uuid()), None)
    assert await reason_of(unknown) == "PLAN_NOT_FOUND"


async def test_decks_plans_and_rates_are_listed_a_page_at_a_time(desk: Desk) -> None:
    """In the order of code and prefix; rates of a part of the world by their first digits."""
    imported = await desk.import_deck(DECK, "wholesale")
    decks = await desk.decks.ListRateDecks(messages.ListRateDecksRequest(page_size=1), None)
    assert [deck.code for deck in decks.rate_decks] == ["retail"]
    request = messages.ListRateDecksRequest(page_token=decks.next_page_token)
    rest = await desk.decks.ListRateDecks(request, None)
    assert [deck.code for deck in rest.rate_decks] == ["wholesale"]
    plans = await desk.plans.ListPlans(messages.ListPlansRequest(), None)
    assert [plan.code for plan in plans.plans] == ["basic"]
    version_id = imported.version.rate_deck_version_id
    rates = await desk.decks.ListRates(
        messages.ListRatesRequest(rate_deck_version_id=version_id, prefix="31", page_size=1), None
    )
    assert [rate.prefix for rate in rates.rates] == ["31"]
    assert rates.rates[0].price.value == "0.06"
    rates = await desk.decks.ListRates(
        messages.ListRatesRequest(
            rate_deck_version_id=version_id, prefix="31", page_token=rates.next_page_token
        ),
        None,
    )
    assert ([rate.prefix for rate in rates.rates], rates.next_page_token) == (["316"], "")


@pytest.mark.parametrize("charge_id", ["00" * 16, "no key", ""])
async def test_a_charge_that_is_not_there_is_not_found(desk: Desk, charge_id: str) -> None:
    """Whatever was asked for."""
    request = messages.GetChargeRequest(charge_id=charge_id)
    assert await reason_of(desk.charges_api.GetCharge(request, None)) == "CHARGE_NOT_FOUND"


async def test_a_charge_is_found_by_its_id(desk: Desk) -> None:
    """As it is listed."""
    await desk.collect(desk.call())
    charge = await desk.charge()
    request = messages.GetChargeRequest(charge_id=charge.charge_id)
    assert (await desk.charges_api.GetCharge(request, None)).charge == charge


def at(second: int) -> Any:
    """A moment of the afternoon."""
    return time_to_proto(seconds_later(NOON, second))

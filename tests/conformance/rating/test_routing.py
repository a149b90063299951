"""A switch gets the suppliers of a call in order, from what is published at that moment."""

from typing import Any

import pytest
from google.type.decimal_pb2 import Decimal

from chassis.grpc.convert import time_to_proto
from chassis.grpc.endpoint import Endpoint
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating.api.exchange_rates import ExchangeRateApi
from tests.conformance.rating.carriers import SHEET, Carriers
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NETHERLANDS, NOON, UNKNOWN, seconds_later
from tests.conformance.rating.sheets import DECK
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked
from tollbook.invoice.v1.customer_pb2 import LineKind
from tollbook.invoice.v1.invoice_events_pb2 import LineChanged
from tollbook.rating.v1 import supplier_service_pb2 as messages
from tollbook.rating.v1.exchange_rate_pb2 import ExchangeRate
from tollbook.rating.v1.plan_pb2 import RELATION_ON_NET, Condition, PriceAdjustment
from tollbook.rating.v1.tariff_service_pb2 import AddExchangeRatesRequest
from tollbook.type.v1.call_pb2 import CallKey, CallKeyKind

PRICE = messages.ROUTE_ORDER_PRICE
QUALITY = messages.ROUTE_ORDER_QUALITY
WEIGHT = messages.ROUTE_ORDER_WEIGHT


@pytest.fixture
def carriers(desk: Desk) -> Carriers:
    return Carriers(desk)


def codes(response: messages.RouteCallResponse) -> list[str]:
    return [route.supplier_code for route in response.routes]


def reasons(response: messages.RouteCallResponse) -> dict[str, str]:
    return {each.supplier_code: each.reason for each in response.left_out_suppliers}


async def test_a_route_says_all_that_a_switch_and_a_person_need(carriers: Carriers) -> None:
    """Trunks to send the call to, the rate with its origin, the margin, and why."""
    north = await carriers.supply("north", "0.015", trunks=["n-1", "n-2"])
    response = await carriers.route(account_id=carriers.desk.account_id, callee=f"+{NETHERLANDS}")
    [route] = response.routes
    assert (route.supplier_id, list(route.trunks)) == (north.supplier_id, ["n-1", "n-2"])
    assert (route.price.value, route.currency_code) == ("0.015", "EUR")
    assert (route.compared_price.value, route.connect_fee.value) == ("0.015", "0")
    assert (route.prefix, route.destination) == ("31", "Netherlands")
    assert (route.first_increment, route.next_increment) == (6, 6)
    assert route.rate_deck_version_id
    assert (response.selling_price.value, response.currency_code) == ("0.06", "EUR")
    assert route.margin.value == "0.75"
    assert route.explanation == (
        "place 1 by price: 0.015 EUR a minute to Netherlands (prefix 31), "
        "leaving 75% of the selling price"
    )


async def test_suppliers_are_ordered_as_asked(carriers: Carriers) -> None:
    """By price unless said otherwise."""
    await carriers.supply("cheap", "0.01", quality=10)
    await carriers.supply("dear", "0.03", quality=90)
    assert codes(await carriers.route()) == ["cheap", "dear"]
    assert codes(await carriers.route(order=PRICE)) == ["cheap", "dear"]
    assert codes(await carriers.route(order=QUALITY)) == ["dear", "cheap"]


async def test_the_call_key_decides_the_order_by_weight(carriers: Carriers) -> None:
    """The same call gets the same order again; of many calls each supplier gets some."""
    for code in ("a", "b"):
        await carriers.supply(code, "0.01")

    async def first(call: int) -> str:
        key = CallKey(kind=CallKeyKind.CALL_KEY_KIND_SIP_CALL_ID, value=f"call {call}")
        return codes(await carriers.route(order=WEIGHT, call_key=key))[0]

    firsts = [await first(call) for call in range(40)]
    assert firsts == [await first(call) for call in range(40)]
    assert set(firsts) == {"a", "b"}


async def test_every_supplier_that_is_no_route_says_why(carriers: Carriers) -> None:
    """With a stable reason and words."""
    await carriers.supply("a", "0.01")
    await carriers.supply("b", "0.02")
    await carriers.supply("blind", "0.01", prefix="49")
    await carriers.supply("far", "0.01", "KWD")
    await carriers.supply("off", "0.01", disabled=True)
    response = await carriers.route(route_count=1, currency_code="EUR")
    assert codes(response) == ["a"]
    assert reasons(response) == {
        "b": "ROUTE_COUNT_REACHED",
        "blind": "NO_RATE",
        "far": "NO_EXCHANGE_RATE",
        "off": "DISABLED",
    }
    assert all(each.message for each in response.left_out_suppliers)


async def test_a_rate_that_is_yet_to_come_has_a_reason_of_its_own(carriers: Carriers) -> None:
    """As in quotes: of suppliers that are left out, and of the price of who calls."""
    await carriers.supply("late", "0.01", prefix="49")
    await carriers.supply("never", "0.01", prefix="49")
    sheet = SHEET.format(prefix="31", price="0.01")
    later = seconds_later(NOON, 3_600)
    await carriers.desk.publish_deck(sheet, "cost of late", effective=later)
    assert reasons(await carriers.route()) == {"late": "RATE_NOT_YET_VALID", "never": "NO_RATE"}
    assert codes(await carriers.route(start_time=time_to_proto(later))) == ["late"]
    await carriers.desk.publish_deck(DECK + "49,Germany,0.01,1,1\n", effective=later)
    account_id = carriers.desk.account_id
    reason = await refusal(carriers, account_id=account_id, callee=UNKNOWN)
    assert reason == "RATE_NOT_YET_VALID"


async def test_a_change_is_routed_by_as_soon_as_it_is_answered(carriers: Carriers) -> None:
    """Nobody sends calls to a supplier that was just switched off."""
    north = await carriers.supply("north", "0.01")
    start = {"start_time": None}
    assert codes(await carriers.route(**start)) == ["north"]
    await carriers.update(north, disabled=True)
    assert reasons(await carriers.route(**start)) == {"north": "DISABLED"}
    assert codes(await carriers.route()) == ["north"], "in the past it was not"


async def test_a_ported_number_is_routed_by_its_routing_number(carriers: Carriers) -> None:
    """Rates are those of the network that the number lives in now."""
    await carriers.supply("german", "0.01", prefix="49")
    assert reasons(await carriers.route()) == {"german": "NO_RATE"}
    assert codes(await carriers.route(routing_number=f"+{UNKNOWN}")) == ["german"]


async def test_decks_of_a_supplier_are_asked_in_order(carriers: Carriers) -> None:
    """The first that knows the number prices it, however cheap the second is."""
    special = await carriers.publish_deck("special", "0.09", prefix="3120")
    usual = await carriers.publish_deck("usual", "0.01")
    await carriers.create("north", [special, usual])
    [route] = (await carriers.route()).routes
    assert (route.price.value, route.prefix) == ("0.09", "3120")


async def test_without_an_account_there_is_no_margin(carriers: Carriers) -> None:
    """Prices are compared in the first supplier's currency."""
    await carriers.supply("north", "0.01", "USD")
    response = await carriers.route()
    [route] = response.routes
    assert response.currency_code == "USD"
    assert not route.HasField("margin")
    assert not response.HasField("selling_price")


async def test_a_tenant_without_suppliers_has_no_routes(carriers: Carriers) -> None:
    """Which is an answer."""
    assert await carriers.route() == messages.RouteCallResponse()
    account_id = carriers.desk.account_id
    assert (await carriers.route(account_id=account_id)).selling_price.value == "0.06"


async def test_the_selling_price_is_the_one_that_holds_for_the_call(carriers: Carriers) -> None:
    """Half for numbers of the tenant's own, so that the margin of such a call is less."""
    half = PriceAdjustment(
        code="on-net", when=Condition(relations=[RELATION_ON_NET]), factor=Decimal(value="0.5")
    )
    await carriers.desk.publish_terms(BEGINNING.replace(day=2), adjustments=[half])
    await carriers.supply("north", "0.015")
    account_id = carriers.desk.account_id
    before = await carriers.route(account_id=account_id)
    line = LineChanged(
        line_id=new_uuid(),
        account_id="neighbour",
        payer_account_id="neighbour",
        kind=LineKind.LINE_KIND_NUMBER,
        identifier=NETHERLANDS,
    )
    await carriers.desk.hear(line)
    after = await carriers.route(account_id=account_id)
    assert (before.selling_price.value, before.routes[0].margin.value) == ("0.06", "0.75")
    assert (after.selling_price.value, after.routes[0].margin.value) == ("0.03", "0.5")


async def test_prices_are_exchanged_at_the_rate_of_the_start(carriers: Carriers) -> None:
    """1.25 dollars a euro: 1.4 cents of a dollar are 1.12 euro cents, less than 1.2."""
    rate = ExchangeRate(
        from_currency_code="EUR",
        to_currency_code="USD",
        rate=Decimal(value="1.25"),
        effective_time=time_to_proto(BEGINNING),
        source="bank",
    )
    await ExchangeRateApi(Endpoint(carriers.desk.database)).AddExchangeRates(
        AddExchangeRatesRequest(exchange_rates=[rate], request_id=new_uuid()), None
    )
    await carriers.supply("dollar", "0.014", "USD")
    await carriers.supply("euro", "0.012")
    response = await carriers.route(account_id=carriers.desk.account_id)
    assert codes(response) == ["dollar", "euro"]
    assert response.routes[0].compared_price.value == "0.0112"
    assert response.routes[0].explanation.startswith(
        "place 1 by price: 0.014 USD a minute to Netherlands (prefix 31), that is 0.0112 EUR"
    )


async def test_the_margin_floor_leaves_suppliers_out(carriers: Carriers) -> None:
    """Those that leave exactly the floor stay."""
    await publish_floor(carriers, "0.5")
    await carriers.supply("exact", "0.03")
    await carriers.supply("dear", "0.0301")
    response = await carriers.route(account_id=carriers.desk.account_id)
    assert codes(response) == ["exact"]
    assert reasons(response) == {"dear": "MARGIN_BELOW_FLOOR"}
    assert codes(await carriers.route()) == ["exact", "dear"], "the floor is the account's plan's"


async def test_a_call_that_would_not_leave_the_floor_is_refused(carriers: Carriers) -> None:
    """With the best margin there is, and the floor."""
    await publish_floor(carriers, "0.5")
    await carriers.supply("better", "0.045")
    await carriers.supply("worse", "0.06")
    with pytest.raises(DomainError) as error:
        await carriers.route(account_id=carriers.desk.account_id)
    assert error.value.reason == "MARGIN_BELOW_FLOOR"
    assert error.value.metadata == {
        "supplier_code": "better",
        "best_margin": "0.25",
        "margin_floor": "0.5",
    }


async def publish_floor(carriers: Carriers, margin_floor: str) -> None:
    """Give the tenant's plan a margin floor, before noon."""
    effective = BEGINNING.replace(day=2)
    await carriers.desk.publish_terms(effective, margin_floor=Decimal(value=margin_floor))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"callee": "abc"}, "INVALID_NUMBER"),
        ({"callee": "112"}, "INVALID_NUMBER"),
        ({"caller": "12ab"}, "INVALID_NUMBER"),
        ({"routing_number": "+"}, "INVALID_NUMBER"),
        ({"route_count": -1}, "INVALID_ROUTE_COUNT"),
        ({"route_count": 51}, "INVALID_ROUTE_COUNT"),
        ({"order": WEIGHT}, "CALL_KEY_REQUIRED"),
        ({"currency_code": "EURO"}, "UNKNOWN_CURRENCY"),
        ({"account_id": new_uuid()}, "UNKNOWN_ACCOUNT"),
    ],
)
async def test_a_bad_request_is_refused_with_its_reason(
    carriers: Carriers, fields: dict[str, Any], reason: str
) -> None:
    """Before anything is routed."""
    await carriers.supply("north", "0.01")
    with pytest.raises(DomainError) as error:
        await carriers.route(**fields)
    assert error.value.reason == reason


async def test_a_call_that_cannot_be_sold_has_no_margin_to_keep(carriers: Carriers) -> None:
    """The same reasons as those of a price."""
    await carriers.supply("north", "0.01", prefix="49")
    account_id = carriers.desk.account_id
    assert await refusal(carriers, account_id=account_id, callee=UNKNOWN) == "NO_RATE"
    assert await refusal(carriers, account_id=account_id, currency_code="KWD") == "NO_EXCHANGE_RATE"
    early = time_to_proto(BEGINNING.replace(year=2025))
    assert await refusal(carriers, account_id=account_id, start_time=early) == "NO_PLAN"
    await carriers.desk.hear(
        AccountBlocked(account_id=account_id, reason="fraud", block_time=time_to_proto(NOON))
    )
    assert await refusal(carriers, account_id=account_id) == "ACCOUNT_BLOCKED"


async def refusal(carriers: Carriers, **fields: Any) -> str:
    """The reason for which a call is not routed."""
    with pytest.raises(DomainError) as error:
        await carriers.route(**fields)
    return error.value.reason

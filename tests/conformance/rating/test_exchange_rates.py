"""Exchange rates: dated, sourced, exact, added and never edited."""

import asyncio
from datetime import timedelta
from itertools import product

import pytest
from google.rpc.error_details_pb2 import ErrorInfo

from chassis.database.engine import Database
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NOON
from tests.conformance.rating.tariff_desk import (
    TariffDesk,
    exchange_rate,
    refusal_without_trace,
)
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.exchange_rate_pb2 import ExchangeRate

DAY = timedelta(days=1)


@pytest.fixture
async def tariffs(desk: Desk) -> TariffDesk:
    """The desk's operator at the doors of tariffs."""
    return TariffDesk(desk)


def reasons(results: list[messages.AddExchangeRateResult]) -> list[str]:
    """The reasons of those that were refused."""
    return [reason_in(each) for each in results if each.HasField("error")]


def reason_in(result: messages.AddExchangeRateResult) -> str:
    """The reason of a refusal."""
    info = ErrorInfo()
    assert any(detail.Unpack(info) for detail in result.error.details)
    return info.reason


async def listed(tariffs: TariffDesk, **which: str) -> list[ExchangeRate]:
    """All rates, two to a page."""
    request = messages.ListExchangeRatesRequest(page_size=2, **which)
    rates: list[ExchangeRate] = []
    while True:
        page = await tariffs.exchange_rates.ListExchangeRates(request, None)
        assert len(page.exchange_rates) <= 2
        rates += page.exchange_rates
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return rates


async def test_rates_are_kept_to_the_last_digit_with_their_source(tariffs: TariffDesk) -> None:
    """As they were given."""
    given = exchange_rate("0.000023614900", pair="VND/EUR", source="ECB reference rate")
    [result] = await tariffs.add_rates(given)
    [stored] = await listed(tariffs)
    assert stored == result.exchange_rate
    stored.ClearField("create_time")
    assert stored == given


async def test_rates_are_listed_by_pair_the_newest_first(tariffs: TariffDesk) -> None:
    """All of them, of one currency, or of a pair; page by page each once."""
    pairs, days = ("USD/EUR", "USD/CHF", "GBP/EUR"), range(3)
    await tariffs.add_rates(
        *(
            exchange_rate(f"1.{day}", BEGINNING + day * DAY, pair)
            for day, pair in product(days, pairs)
        )
    )

    def shown(rates: list[ExchangeRate]) -> list[str]:
        return [f"{r.from_currency_code}/{r.to_currency_code} {r.rate.value}" for r in rates]

    everything = shown(await listed(tariffs))
    assert everything == [f"{pair} 1.{day}" for pair, day in product(sorted(pairs), reversed(days))]
    of_pair = shown(await listed(tariffs, from_currency_code="USD", to_currency_code="EUR"))
    assert of_pair == ["USD/EUR 1.2", "USD/EUR 1.1", "USD/EUR 1.0"]
    assert len(await listed(tariffs, to_currency_code="EUR")) == 6
    unknown = messages.ListExchangeRatesRequest(from_currency_code="EURO")
    refused = await refusal_without_trace(
        tariffs, lambda: tariffs.exchange_rates.ListExchangeRates(unknown, None)
    )
    assert refused.reason == "UNKNOWN_CURRENCY"


async def test_each_rate_is_added_or_refused_by_itself(tariffs: TariffDesk) -> None:
    """In the order of the request, each with its own reason."""
    results = await tariffs.add_rates(
        exchange_rate("0.9"),
        exchange_rate("0"),
        exchange_rate("-1"),
        exchange_rate("1e3"),
        exchange_rate("0.1234567890123"),
        exchange_rate("1", pair="EUR/EUR"),
        exchange_rate("1", pair="EUR/XYZ"),
        exchange_rate("1", pair="EUR/GBP", source=""),
        ExchangeRate(from_currency_code="EUR", to_currency_code="GBP"),
        exchange_rate("0.8", pair="EUR/GBP"),
    )
    assert reasons(results) == [
        *["INVALID_EXCHANGE_RATE"] * 5,
        "UNKNOWN_CURRENCY",
        "INVALID_NAME",
        "INVALID_TIME",
    ]
    assert [each.HasField("error") for each in results] == [False, *[True] * 8, False]
    assert len(await listed(tariffs)) == 2


async def test_a_rate_is_never_changed(tariffs: TariffDesk) -> None:
    """The same again is harmless, written otherwise too; another one is refused."""
    await tariffs.add_rates(exchange_rate("0.90"))
    before = await tariffs.tariff()
    again, other, first, second = await tariffs.add_rates(
        exchange_rate("0.9", source="a job that runs twice"),
        exchange_rate("0.91"),
        exchange_rate("1.1", BEGINNING + DAY),
        exchange_rate("1.2", BEGINNING + DAY),
    )
    assert (again.exchange_rate.rate.value, again.exchange_rate.source) == ("0.90", "ECB")
    assert [reason_in(other), reason_in(second)] == ["EXCHANGE_RATE_EXISTS"] * 2
    assert "0.90, not 0.91" in other.error.message
    assert first.exchange_rate.rate.value == "1.1"
    assert [each.rate.value for each in await listed(tariffs)] == ["1.1", "0.90"]
    assert len((await tariffs.tariff()).exchange) == len(before.exchange) + 1


async def test_of_two_that_add_a_rate_at_once_one_is_first(tariffs: TariffDesk) -> None:
    """The other is told, or was the same."""
    texts = ["0.9", "0.91", "0.92", "0.93"]
    answers = await asyncio.gather(*(tariffs.add_rates(exchange_rate(text)) for text in texts))
    added = [result for [result] in answers if result.HasField("exchange_rate")]
    [stored] = await listed(tariffs)
    assert [each.exchange_rate for each in added] == [stored]


@pytest.mark.parametrize("count", [0, 1_001])
async def test_none_or_too_many_rates_are_refused(tariffs: TariffDesk, count: int) -> None:
    """Before any of them is looked at."""
    rates = [exchange_rate("1")] * count
    refused = await refusal_without_trace(tariffs, lambda: tariffs.add_rates(*rates))
    assert refused.reason == "INVALID_EXCHANGE_RATES"


async def test_a_check_of_rates_keeps_none(tariffs: TariffDesk) -> None:
    """It answers as the addition would."""
    before = await tariffs.traces()
    [good, bad] = await tariffs.add_rates(
        exchange_rate("0.9"), exchange_rate("x"), validate_only=True
    )
    assert good.exchange_rate.rate.value == "0.9"
    assert reason_in(bad) == "INVALID_EXCHANGE_RATE"
    assert (await tariffs.traces(), await listed(tariffs)) == (before, [])


async def test_a_call_without_an_exchange_rate_waits_and_is_tried_again(
    tariffs: TariffDesk,
) -> None:
    """An account that pays in other money than its plan's."""
    desk = tariffs.desk
    swiss = new_uuid()
    await desk.know_account(swiss, currency_code="CHF")
    await desk.subscribe(swiss)
    await desk.collect(desk.call(account_id=swiss))
    waiting = await desk.charge(swiss)
    assert waiting.unrated_reason == "NO_EXCHANGE_RATE"
    await tariffs.add_rates(exchange_rate("0.5", NOON, "EUR/CHF"))
    await desk.retry()
    priced = await desk.charge(swiss)
    assert (priced.amount.currency_code, priced.amount.nanos) == ("CHF", 30_000_000)


async def test_many_rates_are_read_once_and_not_with_every_publication(
    tariffs: TariffDesk,
) -> None:
    """A new plan or deck takes the rates over that are in memory."""
    for part in range(3):
        rates = [
            exchange_rate("0.9", BEGINNING + (part * 1_000 + day) * DAY) for day in range(1_000)
        ]
        await tariffs.add_rates(*rates)
    before = await tariffs.tariff()
    assert len(before.exchange) == 3_000
    await tariffs.desk.publish_terms(NOON)
    after = await tariffs.tariff()
    assert after is not before
    assert after.exchange is before.exchange
    await tariffs.add_rates(exchange_rate("1", pair="EUR/GBP"))
    assert len((await tariffs.tariff()).exchange) == 3_001


async def test_exchange_rates_of_tenants_are_apart(tariffs: TariffDesk, database: Database) -> None:
    """Each may have its own of the same pair and time."""
    await tariffs.add_rates(exchange_rate("0.9"))
    other = TariffDesk(Desk(database, tenant_id="other"))
    other.desk.act()
    await other.add_rates(exchange_rate("0.8"))
    assert [each.rate.value for each in await listed(other)] == ["0.8"]

"""Decks that single accounts have of their own: asked before those of their plans."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chassis.database.engine import Database
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NOON, UNKNOWN, euros
from tests.conformance.rating.sheets import DECK
from tests.conformance.rating.tariff_desk import (
    TariffDesk,
    exchange_rate,
    override,
    refusal,
    refusal_without_trace,
)
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.account_decks_pb2 import DeckOverride

CHEAP = "prefix,name,price,first,next\n31,Netherlands,0.01,1,1\n"
CHEAPER = "prefix,name,price,first,next\n31,Netherlands,0.005,1,1\n"
GERMANY = "prefix,name,price,first,next\n49,Germany,0.02,1,1\n"
HOUR = timedelta(hours=1)


@pytest.fixture
async def tariffs(desk: Desk) -> TariffDesk:
    """The desk's operator at the doors of tariffs."""
    return TariffDesk(desk)


async def publish(tariffs: TariffDesk, content: str, code: str, currency: str = "EUR") -> str:
    """Put a deck into force without touching the plan's."""
    desk = tariffs.desk
    own, desk.currency = desk.deck_id, currency
    published = await desk.publish_deck(content, code)
    desk.deck_id, desk.currency = own, "EUR"
    return published.version.rate_deck_id


async def test_an_accounts_own_deck_prices_its_calls_and_no_others(tariffs: TariffDesk) -> None:
    """In the span in which it is valid; the plan's deck knows what it does not."""
    desk = tariffs.desk
    other = new_uuid()
    await desk.know_account(other)
    await desk.subscribe(other)
    cheap = await publish(tariffs, CHEAP, "cheap")
    await tariffs.set_decks(override(cheap, NOON, NOON + HOUR))
    await desk.collect(
        desk.call(start=NOON - HOUR),
        desk.call(start=NOON),
        desk.call(start=NOON, callee="12125550123"),
        desk.call(start=NOON + HOUR),
        desk.call(start=NOON, account_id=other),
    )
    assert sorted(euros(await desk.charges())) == ["0.0000", "0.0100", "0.0600", "0.0600"]
    assert euros(await desk.charges(other)) == ["0.0600"]


async def test_decks_are_asked_in_the_order_in_which_they_are_set(tariffs: TariffDesk) -> None:
    """Setting them again takes the place of all."""
    desk = tariffs.desk
    cheap = await publish(tariffs, CHEAP, "cheap")
    cheaper = await publish(tariffs, CHEAPER, "cheaper")
    await tariffs.set_decks(override(cheap), override(cheaper))
    await desk.collect(desk.call())
    await tariffs.set_decks(override(cheaper))
    await desk.collect(desk.call(start=NOON + HOUR))
    await tariffs.set_decks()
    await desk.collect(desk.call(start=NOON + 2 * HOUR))
    assert sorted(euros(await desk.charges())) == ["0.0050", "0.0100", "0.0600"]
    assert list((await tariffs.decks_of()).overrides) == []


async def test_decks_are_shown_as_they_were_set(tariffs: TariffDesk) -> None:
    """Without a start they are valid from when they were set."""
    cheap = await publish(tariffs, CHEAP, "cheap")
    assert not (await tariffs.decks_of()).HasField("update_time")
    given = [override(cheap, NOON, NOON + HOUR), override(cheap, NOON)]
    set_now = await tariffs.set_decks(*given, DeckOverride(rate_deck_id=cheap))
    assert await tariffs.decks_of() == set_now
    assert list(set_now.overrides[:2]) == given
    assert set_now.overrides[2].validity.start_time == set_now.update_time


async def test_a_call_without_a_rate_is_priced_when_its_account_gets_a_deck(
    tariffs: TariffDesk,
) -> None:
    """It had waited for one."""
    desk = tariffs.desk
    await desk.collect(desk.call(callee=UNKNOWN))
    assert (await desk.charge()).unrated_reason == "NO_RATE"
    germany = await publish(tariffs, GERMANY, "germany")
    await desk.retry()
    await tariffs.set_decks(override(germany))
    await desk.retry()
    assert euros([await desk.charge()]) == ["0.0200"]


async def test_accounts_with_decks_are_listed_in_pages(tariffs: TariffDesk) -> None:
    """All of them, or those that have one deck."""
    cheap, germany = await publish(tariffs, CHEAP, "a"), await publish(tariffs, GERMANY, "b")
    accounts = sorted(new_uuid() for _ in range(3))
    for place, account_id in enumerate(accounts):
        await tariffs.desk.know_account(account_id)
        decks = [override(germany), *[override(cheap, NOON), override(cheap)] * (place % 2)]
        await tariffs.set_decks(*decks, account_id=account_id)
    request = messages.ListAccountDecksRequest(page_size=2)
    first = await tariffs.account_decks.ListAccountDecks(request, None)
    request.page_token = first.next_page_token
    second = await tariffs.account_decks.ListAccountDecks(request, None)
    found = [*first.account_decks, *second.account_decks]
    assert [each.account_id for each in found] == accounts
    assert ([len(each.overrides) for each in found], second.next_page_token) == ([1, 3, 1], "")
    request = messages.ListAccountDecksRequest(rate_deck_id=cheap)
    of_deck = await tariffs.account_decks.ListAccountDecks(request, None)
    assert [each.account_id for each in of_deck.account_decks] == [accounts[1]]


@pytest.mark.parametrize(
    ("request_fields", "reason"),
    [
        ({"account_id": "nobody"}, "UNKNOWN_ACCOUNT"),
        ({"overrides": [override("no\0deck")]}, "RATE_DECK_NOT_FOUND"),
        ({"overrides": [override("x", NOON, NOON - HOUR)]}, "INVALID_PERIOD"),
        ({"overrides": [override("x", NOON, NOON)]}, "INVALID_PERIOD"),
        ({"overrides": [override("x", None, datetime(2020, 1, 1, tzinfo=UTC))]}, "INVALID_PERIOD"),
        ({"overrides": [override("x")] * 65}, "INVALID_ACCOUNT_DECKS"),
    ],
)
async def test_decks_that_cannot_be_asked_are_refused(
    tariffs: TariffDesk, request_fields: dict[str, Any], reason: str
) -> None:
    """The account keeps those it has."""
    cheap = await publish(tariffs, CHEAP, "cheap")
    kept = await tariffs.set_decks(override(cheap))
    fields = {"account_id": tariffs.desk.account_id, **request_fields}
    request = messages.SetAccountDecksRequest(**fields, request_id=new_uuid())
    refused = await refusal_without_trace(
        tariffs, lambda: tariffs.account_decks.SetAccountDecks(request, None)
    )
    assert refused.reason == reason
    assert await tariffs.decks_of() == kept


async def test_a_deck_in_other_money_needs_a_rate_to_the_accounts_plans(
    tariffs: TariffDesk,
) -> None:
    """From the first instant on at which it is asked."""
    desk = tariffs.desk
    dollars = await publish(tariffs, DECK, "dollars", "USD")
    await tariffs.add_rates(exchange_rate("0.5", NOON))

    async def set_from_the_beginning() -> Any:
        return await tariffs.set_decks(override(dollars))

    error = await refusal_without_trace(tariffs, set_from_the_beginning)
    assert error.reason == "NO_EXCHANGE_RATE"
    assert (error.metadata["from_currency"], error.metadata["to_currency"]) == ("USD", "EUR")
    await tariffs.set_decks(override(dollars, NOON))
    await desk.collect(desk.call())
    assert euros([await desk.charge()]) == ["0.0300"]


async def test_decks_are_set_by_one_after_the_other(tariffs: TariffDesk) -> None:
    """Whoever comes last has the word; nobody fails, and nothing is mixed."""
    decks = [await publish(tariffs, CHEAP, f"deck-{number}") for number in range(4)]
    answers = await asyncio.gather(
        *(tariffs.set_decks(override(deck), override(deck, NOON)) for deck in decks)
    )
    assert await tariffs.decks_of() in answers


async def test_a_check_of_decks_keeps_none(tariffs: TariffDesk) -> None:
    """It answers as the change would."""
    cheap = await publish(tariffs, CHEAP, "cheap")
    before = await tariffs.traces()
    request = messages.SetAccountDecksRequest(
        account_id=tariffs.desk.account_id,
        overrides=[override(cheap)],
        request_id=new_uuid(),
        validate_only=True,
    )
    checked = (await tariffs.account_decks.SetAccountDecks(request, None)).account_decks
    assert [each.rate_deck_id for each in checked.overrides] == [cheap]
    assert await tariffs.traces() == before
    assert list((await tariffs.decks_of()).overrides) == []


async def test_decks_of_accounts_of_tenants_are_apart(
    tariffs: TariffDesk, database: Database
) -> None:
    """An account of another tenant is unknown."""
    cheap = await publish(tariffs, CHEAP, "cheap")
    await tariffs.set_decks(override(cheap, BEGINNING))
    other = TariffDesk(Desk(database, tenant_id="other"))
    other.desk.act()
    error = await refusal(other.decks_of(tariffs.desk.account_id))
    assert error.reason == "UNKNOWN_ACCOUNT"
    everything = messages.ListAccountDecksRequest()
    found = await other.account_decks.ListAccountDecks(everything, None)
    assert list(found.account_decks) == []


async def test_a_tenant_chooses_the_currency_of_its_margins(tariffs: TariffDesk) -> None:
    """None unless it does; every replica prices with it from then on."""
    asked = messages.GetRatingProfileRequest()
    for currency in ("", "USD", ""):
        request = messages.SetBaseCurrencyRequest(
            base_currency_code=currency, request_id=new_uuid()
        )
        answer = await tariffs.profile.SetBaseCurrency(request, None)
        found = await tariffs.profile.GetRatingProfile(asked, None)
        assert found.rating_profile == answer.rating_profile
        assert found.rating_profile.base_currency_code == currency
        assert (await tariffs.tariff()).base_currency == currency
    unknown = messages.SetBaseCurrencyRequest(base_currency_code="XYZ", request_id=new_uuid())
    refused = await refusal_without_trace(
        tariffs, lambda: tariffs.profile.SetBaseCurrency(unknown, None)
    )
    assert refused.reason == "UNKNOWN_CURRENCY"

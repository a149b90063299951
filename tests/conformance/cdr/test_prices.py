"""What rating made of a call is shown beside it."""

from typing import Any

import pytest
from sqlalchemy import Connection, event

from kernel.ids import hash_parts
from services.cdr.store.calls import CallFilter, list_calls
from tests.conformance.cdr.exchange import Exchange, rated_event
from tests.unit.cdr.asterisk import asterisk_line
from tollbook.type.v1.call_pb2 import Party, RatingOutcome

RATED = RatingOutcome.RATING_OUTCOME_RATED
UNRATED = RatingOutcome.RATING_OUTCOME_UNRATED


def charge(call: Any, **changes: Any) -> dict[str, Any]:
    return {
        "charge_id": hash_parts("charge", call.call_id)[:16],
        "revision": 1,
        "party": Party.PARTY_CUSTOMER,
        "call_id": call.call_id,
        "call_revision": call.revision,
        "outcome": RATED,
        "unrated_reason": "",
        "currency": "EUR",
        "amount": 123_456,
    } | changes


async def test_a_price_is_written_beside_its_call(exchange: Exchange) -> None:
    """Search shows price and charge without asking rating."""
    await exchange.import_lines(asterisk_line(), asterisk_line(uniqueid="2"))
    first, second = await exchange.calls()
    await exchange.rate(rated_event([charge(first)]))
    [priced] = await exchange.calls(rating_outcome=RATED)
    assert (priced.call_id, priced.price_micros, priced.price_currency) == (
        first.call_id,
        123_456,
        "EUR",
    )
    assert priced.charge_id == charge(first)["charge_id"]
    assert [call.rating_outcome for call in await exchange.calls() if call != priced] == [0]
    assert second.price_micros is None


async def test_an_unrated_call_shows_why(exchange: Exchange) -> None:
    """It has no price, not a price of zero."""
    await exchange.import_lines(asterisk_line())
    [call] = await exchange.calls()
    missing = {"outcome": UNRATED, "unrated_reason": "NO_RATE", "currency": "", "amount": 0}
    await exchange.rate(rated_event([charge(call, **missing)]))
    [unrated] = await exchange.calls(rating_outcome=UNRATED)
    assert (unrated.unrated_reason, unrated.price_micros) == ("NO_RATE", None)


async def test_the_newest_charge_revision_wins_in_whatever_order_they_come(
    exchange: Exchange,
) -> None:
    """Re-rating in another partition may overtake; the older price never comes back."""
    await exchange.import_lines(asterisk_line())
    [call] = await exchange.calls()
    await exchange.rate(rated_event([charge(call, revision=2, amount=2_000_000)]))
    await exchange.rate(rated_event([charge(call, revision=1, amount=1_000_000)]))
    assert (await exchange.calls())[0].price_micros == 2_000_000


async def test_fees_and_suppliers_costs_are_no_price_of_the_call(exchange: Exchange) -> None:
    """A fee has no call, and what the carrier charges us is not what the customer pays."""
    await exchange.import_lines(asterisk_line())
    [call] = await exchange.calls()
    await exchange.rate(
        rated_event(
            [
                charge(call, call_id=None),
                charge(call, party=Party.PARTY_RESELLER),
                charge(call, party=Party.PARTY_SUPPLIER),
            ]
        )
    )
    assert (await exchange.calls())[0].rating_outcome == 0


async def test_unrated_calls_are_found_without_reading_all_others(exchange: Exchange) -> None:
    """Staff look for the few; SQLite tells how it finds them."""
    if exchange.database.dialect != "sqlite":
        pytest.skip("PostgreSQL chooses by the number of rows; the index is the same")
    plans: list[str] = []

    def explain(connection: Connection) -> None:
        @event.listens_for(connection, "before_cursor_execute")
        def look(_c: Any, cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            plan = cursor.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plans.extend(row[3] for row in plan)

        list_calls(connection, "acme", CallFilter(rating_outcome=UNRATED), None, 10)

    await exchange.database.read(explain)
    assert plans == ["SEARCH call USING INDEX call_unrated (tenant_id=?)"]

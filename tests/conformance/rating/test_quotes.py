"""Quotes through every door: prices of calls that are not booked, from memory."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo
from google.type.decimal_pb2 import Decimal
from google.type.timeofday_pb2 import TimeOfDay

from chassis import columns
from chassis.grpc.convert import time_from_proto, time_to_proto
from kernel.clock import to_micros
from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.conformance.rating.desk import (
    BEGINNING,
    DECK,
    MOBILE,
    NETHERLANDS,
    NOON,
    UNKNOWN,
    Desk,
    seconds_later,
)
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked
from tollbook.rating.v1 import plan_pb2 as plans
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.service_pb2 import SERVICE_DATA, SERVICE_DID_RENTAL
from tollbook.type.v1.call_pb2 import RATING_OUTCOME_RATED, RATING_OUTCOME_UNRATED

CALLS = 40
FACT_SECONDS_MAX = 10.0


def call(desk: Desk, **changes: Any) -> messages.PriceCallRequest:
    """A minute to the Netherlands at noon, unless said otherwise."""
    fields = {
        "account_id": desk.account_id,
        "callee": NETHERLANDS,
        "start_time": time_to_proto(NOON),
        "duration": Duration(seconds=60),
    }
    return messages.PriceCallRequest(**{**fields, **changes})


def as_columns(calls: list[messages.PriceCallRequest]) -> messages.PriceCallColumnsRequest:
    """The same calls in columns."""
    durations = [each.duration.seconds * 1_000 for each in calls]
    services = [each.service for each in calls]
    table = {
        "account_id": columns.dictionary([each.account_id for each in calls]),
        "callee": columns.text([each.callee for each in calls]),
        "start_time": columns.int64([_micros(each) for each in calls]),
        "duration": columns.int64(durations),
        "service": columns.uint8(services),
        "quantity": columns.int64([each.quantity for each in calls]),
        "caller": columns.text([each.caller for each in calls]),
        "routing_number": columns.dictionary([each.routing_number for each in calls]),
    }
    batch = columns.encode(table, len(calls))
    return messages.PriceCallColumnsRequest(calls=batch, include_rates=True, include_receipts=True)


def _micros(request: messages.PriceCallRequest) -> int:
    moment = time_from_proto(request.start_time)
    return to_micros(moment) if moment else 0


async def priced_columns(desk: Desk, calls: list[messages.PriceCallRequest]) -> columns.Columns:
    """The prices of calls as columns."""
    answer = await desk.rating.PriceCallColumns(as_columns(calls), None)
    return columns.decode(answer.prices)


async def streamed(
    desk: Desk, calls: list[messages.PriceCallRequest]
) -> list[messages.PriceCallStreamResponse]:
    """The answers of a stream."""

    async def requests() -> AsyncIterator[messages.PriceCallStreamRequest]:
        for place, each in enumerate(calls):
            yield messages.PriceCallStreamRequest(correlation_id=f"call-{place}", call=each)

    return [answer async for answer in desk.rating.PriceCallStream(requests(), None)]


async def reason_of(answer: Any) -> str:
    """The reason for which a request is refused; empty when it is not."""
    try:
        await answer
    except DomainError as error:
        return error.reason
    return ""


def reason_in(result: Any) -> str:
    """The reason of an error beside prices."""
    detail = ErrorInfo()
    result.error.details[0].Unpack(detail)
    return detail.reason


@asynccontextmanager
async def watching(desk: Desk) -> AsyncIterator[None]:
    """Let the memory of a replica watch the database."""
    watch = asyncio.create_task(desk.memory.watch())
    try:
        yield
    finally:
        watch.cancel()
        with suppress(asyncio.CancelledError):
            await watch


def replica_of(desk: Desk) -> Desk:
    """Another replica of the service on the same database."""
    other = Desk(
        desk.database,
        tenant_id=desk.tenant_id,
        account_id=desk.account_id,
        plan_id=desk.plan_id,
        deck_id=desk.deck_id,
    )
    other.act()
    return other


async def until(fact: Callable[[], Any]) -> None:
    """Wait for a fact."""
    async with asyncio.timeout(FACT_SECONDS_MAX):
        while not await fact():
            await asyncio.sleep(0.01)


async def test_every_door_gives_the_price_that_is_charged(desk: Desk) -> None:
    """Alone, in rows, in columns, in a stream: amount, quantity and receipt of the charge."""
    calls = [call(desk, callee=(NETHERLANDS, MOBILE)[place % 2]) for place in range(CALLS)]
    for place, each in enumerate(calls):
        each.duration.seconds = 1 + 7 * place
        each.receipt_detail = messages.RECEIPT_DETAIL_WORDS
    single = [await desk.rating.PriceCall(each, None) for each in calls]
    rows = await desk.rating.PriceCalls(messages.PriceCallsRequest(calls=calls), None)
    assert [result.price for result in rows.results] == single
    answers = await streamed(desk, calls)
    assert [answer.price for answer in answers] == single
    assert [answer.correlation_id for answer in answers] == [f"call-{n}" for n in range(CALLS)]
    prices = await priced_columns(desk, calls)
    assert prices.int64("amount").tolist() == [
        each.amount.units * 10**6 + each.amount.nanos // 1_000 for each in single
    ]
    assert prices.int64("charged_quantity").tolist() == [each.charged_quantity for each in single]
    assert prices.text("receipt") == [each.receipt.content.decode() for each in single]
    assert prices.dictionary("prefix") == [each.receipt.prefix for each in single]
    assert set(prices.uint8("outcome").tolist()) == {RATING_OUTCOME_RATED}
    assert await desk.charges() == []
    await desk.collect(desk.call(callee=MOBILE, seconds=8))
    charged = await desk.charge()
    assert (charged.amount, charged.receipt) == (single[1].amount, single[1].receipt)


async def test_a_price_comes_with_as_much_reasoning_as_is_asked_for(desk: Desk) -> None:
    """One call has its receipt as data unless asked otherwise; calls of a batch have none."""
    usual = await desk.rating.PriceCall(call(desk), None)
    assert usual.receipt.prefix == "31"
    assert not usual.receipt.explanation
    none = call(desk, receipt_detail=messages.RECEIPT_DETAIL_NONE)
    assert not (await desk.rating.PriceCall(none, None)).HasField("receipt")
    words = call(desk, receipt_detail=messages.RECEIPT_DETAIL_WORDS)
    assert (await desk.rating.PriceCall(words, None)).receipt.explanation
    batch = messages.PriceCallsRequest(calls=[call(desk), words])
    first, second = (await desk.rating.PriceCalls(batch, None)).results
    assert not first.price.HasField("receipt")
    assert second.price.receipt.explanation


BAD_CALLS: dict[str, dict[str, Any]] = {
    "UNKNOWN_ACCOUNT": {"account_id": "0193a7b2-5c1e-7d3f-8a4b-1c2d3e4f5a6b"},
    "NO_RATE": {"callee": UNKNOWN},
    "NO_PLAN": {"start_time": time_to_proto(BEGINNING - timedelta(days=1))},
    "INVALID_NUMBER": {"callee": "call me"},
    "INVALID_DURATION": {"duration": Duration(seconds=-1)},
    "INVALID_TIME": {"start_time": time_to_proto(datetime(2400, 1, 1, tzinfo=NOON.tzinfo))},
    "INVALID_QUANTITY": {"service": SERVICE_DATA, "quantity": -5},
    "INVALID_SERVICE": {"service": SERVICE_DID_RENTAL},
}


@pytest.mark.parametrize(("reason", "changes"), BAD_CALLS.items())
async def test_a_bad_call_is_refused_with_its_reason_and_stops_no_other(
    desk: Desk, reason: str, changes: dict[str, Any]
) -> None:
    """By itself, in rows, in columns, and in a stream that goes on."""
    bad = call(desk, **changes)
    assert await reason_of(desk.rating.PriceCall(bad, None)) == reason
    calls = [call(desk) for _ in range(CALLS)]
    calls[3] = bad
    rows = await desk.rating.PriceCalls(messages.PriceCallsRequest(calls=calls), None)
    assert [n for n, each in enumerate(rows.results) if each.HasField("error")] == [3]
    assert reason_in(rows.results[3]) == reason
    answers = await streamed(desk, calls)
    assert [n for n, each in enumerate(answers) if each.HasField("error")] == [3]
    prices = await priced_columns(desk, calls)
    assert prices.dictionary("reason") == [reason if n == 3 else "" for n in range(CALLS)]
    assert prices.uint8("outcome")[3] == RATING_OUTCOME_UNRATED
    assert prices.int64("amount").tolist() == [0 if n == 3 else 60_000 for n in range(CALLS)]


@pytest.mark.parametrize("seconds", [-1, 86_401, 10**9])
async def test_a_negative_or_absurd_duration_is_refused(desk: Desk, seconds: int) -> None:
    """A call lasts from nothing to a day."""
    request = call(desk, duration=Duration(seconds=seconds))
    assert await reason_of(desk.rating.PriceCall(request, None)) == "INVALID_DURATION"


async def test_a_rate_that_is_not_yet_valid_is_none(desk: Desk) -> None:
    """From the start of its version on there is one."""
    await desk.publish_deck(DECK + "49,Germany,0.01,1,1\n", effective=NOON)
    early = call(desk, callee=UNKNOWN, start_time=time_to_proto(seconds_later(NOON, -600)))
    assert await reason_of(desk.rating.PriceCall(early, None)) == "NO_RATE"
    assert (await desk.rating.PriceCall(call(desk, callee=UNKNOWN), None)).amount.nanos == 10**7


async def test_a_plan_in_a_currency_without_exchange_rate_has_no_price(desk: Desk) -> None:
    """The reason names what to add."""
    account_id = new_uuid()
    await desk.know_account(account_id, currency_code="JPY")
    await desk.subscribe(account_id)
    request = call(desk, account_id=account_id)
    assert await reason_of(desk.rating.PriceCall(request, None)) == "NO_EXCHANGE_RATE"


async def test_columns_that_are_none_are_refused_whole(desk: Desk) -> None:
    """A batch that cannot be read has no calls of its own to answer."""
    request = as_columns([call(desk)])
    request.calls.columns.pop()
    del request.calls.columns[0]
    assert await reason_of(desk.rating.PriceCallColumns(request, None)) == "MALFORMED_COLUMNS"
    empty = messages.PriceCallColumnsRequest(calls=columns.encode({}, 0))
    assert await reason_of(desk.rating.PriceCallColumns(empty, None)) == "MALFORMED_COLUMNS"


async def quote(desk: Desk, **fields: Any) -> messages.QuoteCallResponse:
    """A quote of a call to the Netherlands at noon."""
    usual = {"account_id": desk.account_id, "callee": NETHERLANDS, "start_time": _noon()}
    return await desk.rating.QuoteCall(messages.QuoteCallRequest(**{**usual, **fields}), None)


def _noon() -> Any:
    return time_to_proto(NOON)


async def test_a_budget_buys_whole_seconds(desk: Desk) -> None:
    """0.10 at 0.06 a minute is 100 seconds; at begun minutes of 0.12 it is none at all."""
    answer = await quote(desk, budget=desk.money(100_000))
    assert (answer.granted_duration.seconds, answer.amount.nanos) == (100, 100_000_000)
    assert (answer.price_per_minute.value, answer.price_currency_code) == ("0.06", "EUR")
    nothing = await quote(desk, callee=MOBILE, budget=desk.money(100_000))
    assert (nothing.granted_duration.seconds, nothing.amount.nanos) == (0, 0)
    much = await quote(desk, budget=desk.money(10**12))
    assert much.granted_duration.seconds == 86_400


async def test_a_budget_is_in_the_accounts_currency_and_not_below_nothing(desk: Desk) -> None:
    """Otherwise it buys nothing that can be told."""
    assert await reason_of(quote(desk, budget=desk.money(-1))) == "INVALID_AMOUNT"
    desk.currency = "USD"
    assert await reason_of(quote(desk, budget=desk.money(1))) == "CURRENCY_MISMATCH"
    assert await reason_of(quote(desk)) == "INVALID_DURATION"


async def test_a_quote_tells_when_the_price_changes(desk: Desk) -> None:
    """In a plan with an evening band that is when the evening begins."""
    await desk.publish_terms(
        BEGINNING + timedelta(days=1),
        time_bands=[
            plans.TimeBand(code="day", from_time=TimeOfDay(hours=8), to_time=TimeOfDay(hours=18)),
            plans.TimeBand(code="evening"),
        ],
        adjustments=[
            plans.PriceAdjustment(
                code="cheap",
                when=plans.Condition(time_bands=["evening"]),
                factor=Decimal(value="0.5"),
            )
        ],
    )
    answer = await quote(desk, duration=Duration(seconds=60))
    assert answer.price_per_minute.value == "0.06"
    assert time_from_proto(answer.price_change_time) == NOON.replace(hour=18)


async def test_a_block_heard_by_another_replica_is_heeded_within_moments(desk: Desk) -> None:
    """In every replica, and the account may call again once it is unblocked."""
    assert (await desk.rating.PriceCall(call(desk), None)).amount.nanos == 60_000_000
    other = replica_of(desk)
    async with watching(desk):
        moment = time_to_proto(NOON)
        blocked = AccountBlocked(account_id=desk.account_id, reason="spend", block_time=moment)
        await other.hear(blocked)
        assert await reason_of(other.rating.PriceCall(call(desk), None)) == "ACCOUNT_BLOCKED"

        async def is_blocked() -> bool:
            return await reason_of(desk.rating.PriceCall(call(desk), None)) == "ACCOUNT_BLOCKED"

        await until(is_blocked)


async def test_what_is_missing_in_memory_is_asked_of_the_database(desk: Desk) -> None:
    """An account and its plan, heard of by another replica a moment ago, have a price at once."""
    account_id, other = new_uuid(), replica_of(desk)
    request = call(desk, account_id=account_id)
    assert await reason_of(desk.rating.PriceCall(request, None)) == "UNKNOWN_ACCOUNT"
    await other.know_account(account_id)
    assert await reason_of(desk.rating.PriceCall(request, None)) == "NO_PLAN"
    await other.subscribe(account_id)
    assert (await desk.rating.PriceCall(request, None)).amount.nanos == 60_000_000


async def test_a_rate_published_by_another_replica_is_found_at_once_where_there_was_none(
    desk: Desk,
) -> None:
    """Before a call is refused for want of a rate, the database is asked for a newer tariff."""
    request = call(desk, callee=UNKNOWN)
    assert await reason_of(desk.rating.PriceCall(request, None)) == "NO_RATE"
    await replica_of(desk).publish_deck(DECK + "49,Germany,0.01,1,1\n", effective=NOON)
    assert (await desk.rating.PriceCall(request, None)).amount.nanos == 10_000_000


async def test_a_large_deck_is_published_while_calls_are_priced(desk: Desk) -> None:
    """No call fails, and no answer is made from parts of two versions."""
    rates = "".join(f"44{number:05d},Town {number},0.5,1,1\n" for number in range(20_000))
    request = messages.PriceCallsRequest(calls=[call(desk) for _ in range(CALLS)])
    other = replica_of(desk)
    seen: list[int] = []
    async with watching(desk):
        publishing = asyncio.create_task(
            other.publish_deck(DECK.replace("0.06", "0.07") + rates, effective=NOON)
        )

        async def has_new_price() -> bool:
            answer = await desk.rating.PriceCalls(request, None)
            [nanos] = {result.price.amount.nanos for result in answer.results}
            seen.append(nanos)
            return nanos == 70_000_000

        async with asyncio.timeout(120):
            while not await has_new_price():
                await asyncio.sleep(0)
        await publishing
    assert seen == sorted(seen)
    assert set(seen) == {60_000_000, 70_000_000}

"""Quotes through every door: prices of calls that are not booked."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo
from google.type.decimal_pb2 import Decimal
from google.type.timeofday_pb2 import TimeOfDay

from chassis import columns
from chassis.grpc.convert import range_to_proto, time_from_proto, time_to_proto
from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.quoting import (
    as_columns,
    call,
    priced_columns,
    priced_rows,
    reason_in,
    reason_of,
    streamed,
)
from tests.conformance.rating.records import (
    BEGINNING,
    MOBILE,
    NETHERLANDS,
    NOON,
    UNKNOWN,
    seconds_later,
)
from tests.conformance.rating.sheets import DECK
from tollbook.invoice.v1.invoice_events_pb2 import SubscriptionChanged
from tollbook.rating.v1 import plan_pb2 as plans
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.rating.v1.service_pb2 import SERVICE_DATA, SERVICE_DID_RENTAL
from tollbook.type.v1.call_pb2 import RATING_OUTCOME_RATED, RATING_OUTCOME_UNRATED

CALLS = 40


async def test_every_door_gives_the_price_that_is_charged(desk: Desk) -> None:
    """Alone, in rows, in columns, in a stream: amount, quantity and receipt of the charge."""
    calls = [call(desk, callee=(NETHERLANDS, MOBILE)[place % 2]) for place in range(CALLS)]
    for place, each in enumerate(calls):
        each.duration.seconds = 1 + 7 * place
        each.receipt_detail = messages.RECEIPT_DETAIL_WORDS
    single = [await desk.rating.PriceCall(each, None) for each in calls]
    assert [result.price for result in await priced_rows(desk, calls)] == single
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
    first, second = await priced_rows(desk, [call(desk), words])
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
    rows = await priced_rows(desk, calls)
    assert [n for n, each in enumerate(rows) if each.HasField("error")] == [3]
    assert reason_in(rows[3]) == reason
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


@pytest.mark.parametrize("count", [0, 5_001])
async def test_a_batch_of_rows_has_its_limits(desk: Desk, count: int) -> None:
    """None at all is a mistake, and too many would keep others waiting."""
    with pytest.raises(DomainError, match="BATCH_TOO_LARGE"):
        await priced_rows(desk, [call(desk)] * count)


async def test_calls_of_years_are_priced_by_the_plan_that_each_was_made_under(desk: Desk) -> None:
    """A batch may span years, and the account take another plan on the way."""
    account_id, later = desk.account_id, new_uuid()
    await desk.publish_deck(DECK.replace("0.06", "0.02"), "later")
    await desk.create_plan(plan_id=later, code="later")
    desk.plan_id = later
    await desk.publish_terms()
    since = BEGINNING.replace(year=2027)
    await desk.hear(
        SubscriptionChanged(
            subscription_id=new_uuid(),
            account_id=account_id,
            plan_id=later,
            validity=range_to_proto((since, None)),
        )
    )
    early = time_to_proto(BEGINNING.replace(month=2))
    late = time_to_proto(BEGINNING.replace(year=2028))
    calls = [call(desk, start_time=moment) for moment in (early, late, early, late)]
    rows = await priced_rows(desk, calls * 4)
    singly = [await desk.rating.PriceCall(each, None) for each in calls]
    amounts = [each.price.amount for each in rows]
    assert amounts == [each.amount for each in singly] * 4
    assert singly[0].amount != singly[1].amount


async def test_a_rate_that_is_not_yet_valid_has_a_reason_of_its_own(desk: Desk) -> None:
    """Alone, in rows and in columns; from the start of its version on there is a price."""
    await desk.publish_deck(DECK + "49,Germany,0.01,1,1\n", effective=NOON)
    early = call(desk, callee=UNKNOWN, start_time=time_to_proto(seconds_later(NOON, -600)))
    never = call(desk, callee="33123456789", start_time=early.start_time)
    assert await reason_of(desk.rating.PriceCall(early, None)) == "RATE_NOT_YET_VALID"
    assert await reason_of(desk.rating.PriceCall(never, None)) == "NO_RATE"
    rows = await priced_rows(desk, [early, never] * 8)
    reasons = [ErrorInfo.FromString(each.error.details[0].value).reason for each in rows]
    assert reasons == ["RATE_NOT_YET_VALID", "NO_RATE"] * 8
    in_columns = await priced_columns(desk, [early, never] * 8)
    assert list(in_columns.dictionary("reason")) == reasons
    assert (await desk.rating.PriceCall(call(desk, callee=UNKNOWN), None)).amount.nanos == 10**7


async def test_a_plan_in_a_currency_without_exchange_rate_has_no_price(desk: Desk) -> None:
    """The reason names what to add."""
    account_id = new_uuid()
    await desk.know_account(account_id, currency_code="JPY")
    await desk.subscribe(account_id)
    request = call(desk, account_id=account_id)
    with pytest.raises(DomainError, match="NO_EXCHANGE_RATE") as refused:
        await desk.rating.PriceCall(request, None)
    assert refused.value.metadata["currency"] == "JPY"


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

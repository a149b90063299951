"""A call without a price gets one as soon as what was missing comes, and only once."""

import asyncio
import threading

import pytest
from sqlalchemy import text

from chassis.database.unit_of_work import EventPosition, UnitOfWork
from kernel.ids import new_uuid
from services.rating.events.calls_collected import read_calls
from services.rating.usecases.settling import retry_unrated_calls
from services.rating.usecases.settling.rate_calls import rate_calls
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import (
    BEGINNING,
    MARCH,
    NOON,
    UNKNOWN,
    Call,
    collected,
    euros,
    seconds_later,
)
from tollbook.rating.v1 import rating_service_pb2 as messages
from tollbook.type.v1.watermark_pb2 import Watermark

GERMANY = "prefix,name,price,first,next\n49,Germany,0.05,1,1\n"


EVENT = EventPosition(7, 1)
DEADLINE_SECONDS = 20.0


async def ask(desk: Desk, account_id: str = "") -> messages.RetryUnratedCallsResponse:
    """Ask for a retry by RPC."""
    request = messages.RetryUnratedCallsRequest(account_id=account_id, request_id=new_uuid())
    return await desk.charges_api.RetryUnratedCalls(request, None)


async def test_a_deck_that_knows_the_number_prices_it(desk: Desk) -> None:
    """Publishing is enough; nobody has to ask."""
    await desk.collect(desk.call(callee=UNKNOWN))
    await desk.publish_deck(GERMANY, effective=MARCH.start)
    await desk.retry()
    charge = await desk.charge()
    assert (charge.revision, euros([charge])) == (2, ["0.0500"])
    await desk.retry()
    assert await desk.deltas() == [0, 50_000]


async def test_a_deck_that_comes_into_force_later_prices_no_earlier_call(desk: Desk) -> None:
    """A call is priced by what is in force at its start, however late it is priced."""
    await desk.collect(desk.call(callee=UNKNOWN))
    assert (await desk.charge()).unrated_reason == "NO_RATE"
    await desk.publish_deck(GERMANY, effective=seconds_later(NOON, 1))
    await desk.retry()
    assert (await desk.charge()).unrated_reason == "RATE_NOT_YET_VALID"


async def test_an_account_and_a_subscription_that_come_late_price_its_calls(desk: Desk) -> None:
    """Calls can overtake what invoice tells; the reason follows what is missing."""
    late = new_uuid()
    await desk.collect(desk.call(account_id=late))
    reasons = [(await desk.charge(late)).unrated_reason]
    await desk.know_account(late)
    await desk.retry()
    reasons.append((await desk.charge(late)).unrated_reason)
    await desk.subscribe(late)
    await desk.retry()
    assert reasons == ["UNKNOWN_ACCOUNT", "NO_PLAN"]
    charge = await desk.charge(late)
    assert (charge.revision, euros([charge])) == (3, ["0.0600"])


async def test_a_retry_by_request_tells_what_became_of_the_calls(desk: Desk) -> None:
    """Of one account, or of all."""
    other = new_uuid()
    await desk.know_account(other)
    await desk.collect(desk.call(callee=UNKNOWN), desk.call(account_id=other))
    answer = await ask(desk, desk.account_id)
    assert (answer.rated_count, answer.unrated_count) == (0, 1)
    await desk.publish_deck(GERMANY, effective=MARCH.start)
    answer = await ask(desk)
    assert (answer.rated_count, answer.unrated_count) == (1, 1)


async def test_any_number_of_calls_is_tried_in_bounded_transactions(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two a transaction here: seven calls take four."""
    monkeypatch.setattr(retry_unrated_calls, "CALLS_PER_TRANSACTION_MAX", 2)
    await desk.collect(*(desk.call(callee=UNKNOWN, start=seconds_later(NOON, s)) for s in range(7)))
    await desk.publish_deck(GERMANY, effective=MARCH.start)
    await desk.retry()
    assert euros(await desk.charges()) == ["0.0500"] * 7
    assert [batch.row_count for batch in await desk.published()] == [7, 2, 2, 2, 1]


async def test_calls_are_priced_once_however_many_retry_them_at_once(desk: Desk) -> None:
    """Operators, replicas and what comes from invoice: each call gets one price."""
    await desk.collect(*(desk.call(callee=UNKNOWN, start=seconds_later(NOON, s)) for s in range(9)))
    await desk.publish_deck(GERMANY, effective=MARCH.start)
    answers = await asyncio.gather(*(ask(desk) for _ in range(6)), desk.retry())
    assert sum(answer.rated_count for answer in answers if answer is not None) <= 9
    assert {charge.revision for charge in await desk.charges()} == {2}
    assert sorted(await desk.deltas()) == [0] * 9 + [50_000] * 9


async def test_a_subscription_reaches_a_call_that_is_being_priced_without_it(desk: Desk) -> None:
    """The change waits for nobody; its retry waits for the calls that have not seen it."""
    late, began, may_end = new_uuid(), threading.Event(), threading.Event()
    await desk.know_account(late)
    await desk.retry()

    def price(uow: UnitOfWork) -> None:
        rate(uow, desk, desk.call(account_id=late))
        began.set()
        assert may_end.wait(DEADLINE_SECONDS)

    pricing = asyncio.create_task(desk.database.write(price))
    assert await asyncio.to_thread(began.wait, DEADLINE_SECONDS)
    change = asyncio.create_task(desk.subscribe(late))
    if desk.database.dialect == "postgresql":
        await change
        retry = asyncio.create_task(desk.retry())
        await until_a_lock_is_waited_for(desk)
        may_end.set()
        await retry
    may_end.set()
    await asyncio.gather(pricing, change)
    await desk.retry()
    assert euros([await desk.charge(late)]) == ["0.0600"]


def rate(uow: UnitOfWork, desk: Desk, call: Call) -> None:
    """Price a call in an open transaction."""
    rate_calls(uow, desk.tariffs, desk.tenant_id, read_calls(collected([call])), EVENT)


async def until_a_lock_is_waited_for(desk: Desk) -> None:
    """Return once a transaction waits for another."""
    waiting = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    async with asyncio.timeout(DEADLINE_SECONDS):
        while not await desk.database.read(lambda c: c.execute(waiting).scalar_one()):
            await asyncio.sleep(0.01)


async def test_a_wrong_record_waits_for_its_correction_only(desk: Desk) -> None:
    """No plan or deck makes a negative duration right."""
    call = desk.call(seconds=-5)
    await desk.collect(call)
    answer = await ask(desk)
    assert (answer.rated_count, answer.unrated_count) == (0, 0)
    await desk.collect(call.corrected(seconds=60))
    assert euros([await desk.charge()]) == ["0.0600"]


async def test_a_correction_without_a_price_takes_nothing_back_until_it_has_one(
    desk: Desk,
) -> None:
    """The first price stands meanwhile."""
    call = desk.call()
    await desk.collect(call)
    await desk.collect(call.corrected(callee=UNKNOWN))
    assert euros([await desk.charge()]) == ["0.0600"]
    await desk.publish_deck(
        GERMANY + "31,Netherlands,0.06,1,1\n", effective=seconds_later(BEGINNING, 1)
    )
    await desk.retry()
    assert euros([await desk.charge()]) == ["0.0500"]
    assert await desk.deltas() == [60_000, -10_000]


async def test_the_digest_adds_up_at_every_watermark(desk: Desk) -> None:
    """Collected = rated + zero + unrated + merged, while calls come and are retried."""
    call = desk.call(callee=UNKNOWN)
    first = await desk.hear_calls(call)
    await desk.hear_calls(desk.call(), call, desk.call(answered=False))
    await desk.publish_deck(GERMANY + "31,NL,0.06,1,1\n", effective=MARCH.start)
    await desk.retry()
    digest = await desk.digest()
    assert digest.collected_count == 4
    assert (digest.rated_count, digest.zero_count) == (2, 1)
    assert (digest.unrated_count, digest.merged_count) == (0, 1)
    assert digest.charged_amounts[0].nanos == 110_000_000
    assert digest.charge_revision_count == 3
    mark = Watermark(producer="cdr", partition=first.partition, sequence=first.sequence)
    early = await desk.digest(cdr_watermarks=[mark])
    assert (early.collected_count, early.rated_count, early.merged_count) == (1, 1, 0)
    beyond = Watermark(producer="cdr", partition=first.partition, sequence=2**64 - 1)
    assert await desk.digest(cdr_watermarks=[beyond]) == digest
    none = Watermark(producer="rating", partition=first.partition, sequence=0)
    assert (await desk.digest(rating_watermarks=[none])).charge_revision_count == 0

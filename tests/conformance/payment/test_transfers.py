"""Holds and captures on a real database: what is held is there, what is captured is posted once."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from chassis.database.engine import Database
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.payment.usecases.funds.end_holds import RETENTION, expire_holds, purge_ended
from tests.conformance.payment.books import Books
from tests.conformance.payment.holding import (
    Teller,
    act_as,
    capture,
    change,
    micros_of,
    place,
    rated,
    reason,
    release,
    transfer,
)
from tollbook.payment.v1 import transfer_service_pb2
from tollbook.payment.v1.hold_pb2 import HoldState

SECOND = timedelta(seconds=1)
ENOUGH = 10_000_000


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """One replica over an empty database."""
    return Teller(database, books)


async def test_a_call_is_held_extended_and_captured(teller: Teller) -> None:
    """10 EUR: 2 are held, then 4; the call costs 3.5, which is posted; 6.5 are left and free."""
    payer = await teller.customer(10_000_000)
    placed = await teller.one(opening := place(payer, 2_000_000))
    hold_id = opening.place.hold_id
    assert (placed.hold.state, micros_of(placed.available)) == (
        HoldState.HOLD_STATE_OPEN,
        8_000_000,
    )
    changed = await teller.one(change(payer, hold_id, 4_000_000))
    assert micros_of(changed.hold.held) == 4_000_000
    captured = await teller.one(capture(payer, hold_id, 3_500_000))
    assert captured.hold.state == HoldState.HOLD_STATE_CAPTURED
    assert await teller.hold(hold_id) == captured.hold
    assert (await teller.wallet(payer), await teller.held(payer)) == (6_500_000, 0)
    assert (await teller.audit()).findings == []
    assert (await teller.audit()).sums["acme"].usage == {"EUR": 3_500_000}


async def test_a_capture_belongs_to_its_place_in_the_log_of_rating(teller: Teller) -> None:
    """A digest up to the event before does not count it: digests at watermarks agree."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 5))
    await teller.one(capture(payer, opening.place.hold_id, 5, event_sequence=7))
    assert (await teller.audit(sequence=6)).sums["acme"].usage == {}
    assert (await teller.audit(sequence=7)).sums["acme"].usage == {"EUR": 5}


async def test_a_batch_is_executed_in_its_order_and_each_step_answers_for_itself(
    teller: Teller,
) -> None:
    """Of six steps the second is too much, the fourth unreadable; the others take place."""
    payer = await teller.customer(10)
    first = place(payer, 6)
    steps = [
        first,
        place(payer, 5),
        place(payer, 4),
        transfer(),
        capture(payer, first.place.hold_id, 6),
        place(payer, 1),
    ]
    results = await teller.do(*steps)
    assert [reason(each) for each in results] == [
        *("", "INSUFFICIENT_FUNDS", "", "INVALID_TRANSFER", "", "INSUFFICIENT_FUNDS")
    ]
    assert (await teller.wallet(payer), await teller.held(payer)) == (4, 4)


async def test_a_repeated_step_gets_the_first_result_and_an_altered_one_none(
    teller: Teller,
) -> None:
    """Also a refusal is answered again, though there is money by now."""
    payer = await teller.customer(10)
    step, refused = place(payer, 6), place(payer, 11)
    first, refusal = await teller.do(step, refused)
    await teller.pay(payer, 100)
    assert await teller.do(step, refused) == [first, refusal]
    await teller.one(capture(payer, step.place.hold_id, 6))
    assert await teller.one(step) == first
    step.place.reference = "another call"
    assert reason(await teller.one(step)) == "REQUEST_ID_REUSED"
    assert await teller.held(payer) == 0


async def test_the_same_step_sent_many_times_at_once_is_executed_once(teller: Teller) -> None:
    """Eight copies meet in commits: one hold."""
    payer = await teller.customer(10)
    step = place(payer, 6)
    results = await asyncio.gather(*[teller.one(step) for _ in range(8)])
    assert [each == results[0] for each in results] == [True] * 8
    assert await teller.held(payer) == 6


async def test_an_event_after_its_capture_posts_nothing(teller: Teller) -> None:
    """The two roads of one charge: the capture came first; a row without a hold is posted."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 500))
    hold_id = opening.place.hold_id
    await teller.one(capture(payer, hold_id, 400, charge=7))
    event = rated([(payer, 7, 400, UUID(hold_id).bytes), (payer, 8, 30, None)])
    await teller.deliver((event, payer))
    assert await teller.wallet(payer) == ENOUGH - 430
    assert (await teller.audit()).findings == []


async def test_a_capture_after_its_event_posts_nothing(teller: Teller) -> None:
    """Rating died between close and capture: the event posts and ends the hold; then the RPC."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 500))
    hold_id = opening.place.hold_id
    await teller.deliver((rated([(payer, 7, 600, UUID(hold_id).bytes)]), payer))
    assert (await teller.wallet(payer), await teller.held(payer)) == (ENOUGH - 600, 0)
    late = await teller.one(capture(payer, hold_id, 600, charge=7))
    assert micros_of(late.hold.captured) == 600
    assert await teller.wallet(payer) == ENOUGH - 600


async def test_an_event_of_a_free_call_ends_its_hold(teller: Teller) -> None:
    """Nothing is posted, the money is free. A hold that never came is no obstacle."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 500))
    free = (payer, 7, 0, UUID(opening.place.hold_id).bytes)
    unheld = (payer, 8, 30, UUID(new_uuid()).bytes)
    await teller.deliver((rated([free, unheld]), payer))
    assert await teller.held(payer) == 0
    assert await teller.wallet(payer) == ENOUGH - 30


async def test_holds_that_nobody_ends_expire(teller: Teller) -> None:
    """The switch died: after a minute the money is free; what the call cost is posted still."""
    payer = await teller.customer(10)
    await teller.one(opening := place(payer, 6))
    await expire_holds(teller.database, utc_now() + 59 * SECOND)
    assert await teller.held(payer) == 6
    await expire_holds(teller.database, utc_now() + 61 * SECOND)
    assert await teller.held(payer) == 0
    hold_id = opening.place.hold_id
    assert (await teller.hold(hold_id)).state == HoldState.HOLD_STATE_EXPIRED
    assert reason(await teller.one(change(payer, hold_id, 7))) == "HOLD_ENDED"
    assert reason(await teller.one(capture(payer, hold_id, 8))) == ""
    assert await teller.wallet(payer) == 2


async def test_what_ended_long_ago_is_forgotten(teller: Teller) -> None:
    """An ended hold goes after its retention; an open one stays."""
    payer = await teller.customer(10)
    ended, still_open = place(payer, 6), place(payer, 1)
    await teller.do(ended, still_open, release(ended.place.hold_id))
    await purge_ended(teller.database, utc_now() + RETENTION)
    assert (await teller.hold(ended.place.hold_id)).hold_id
    await purge_ended(teller.database, utc_now() + RETENTION + 61 * SECOND)
    with pytest.raises(DomainError, match="HOLD_NOT_FOUND"):
        await teller.hold(ended.place.hold_id)
    assert (await teller.hold(still_open.place.hold_id)).state == HoldState.HOLD_STATE_OPEN


async def test_open_holds_are_listed_oldest_first_in_pages(teller: Teller) -> None:
    """Five holds, one released: four in pages of three; another tenant sees none."""
    payer = await teller.customer(ENOUGH)
    steps = [place(payer, 1) for _ in range(5)]
    for step in steps:
        await teller.one(step)
    await teller.one(release(steps[2].place.hold_id))
    seen, token = [], ""
    while True:
        page = await teller.api.ListHolds(
            transfer_service_pb2.ListHoldsRequest(
                account_id=payer.account_id, page_size=3, page_token=token
            ),
            None,
        )
        seen += [hold.hold_id for hold in page.holds]
        if not (token := page.next_page_token):
            break
    assert seen == [steps[n].place.hold_id for n in (0, 1, 3, 4)]
    act_as("umbrella")
    with pytest.raises(DomainError, match="HOLD_NOT_FOUND"):
        await teller.hold(seen[0])
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT"):
        await teller.api.ListHolds(
            transfer_service_pb2.ListHoldsRequest(account_id=payer.account_id), None
        )

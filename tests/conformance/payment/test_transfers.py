"""Holds and captures on a real database: what is held is there, what is captured is posted once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from chassis.database.engine import Database
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.account import Account
from services.payment.domain.audit import LedgerAudit, Watermarks
from services.payment.domain.ledger import POSTING_MAX_MICROS
from services.payment.store.funds import funds_of
from services.payment.store.ledger_accounts import balance_of
from services.payment.usecases.audit_ledger import audit_ledger
from services.payment.usecases.end_holds import RETENTION, expire_holds, purge_ended
from tests.conformance.payment.books import Books, accounts_of_partition
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
from tollbook.payment.v1 import hold_pb2, transfer_service_pb2
from tollbook.payment.v1.hold_pb2 import HoldState

SECOND = timedelta(seconds=1)
ENOUGH = 10_000_000


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """One replica over an empty database."""
    return Teller(database, books)


async def wallet(teller: Teller, payer: Account) -> int:
    balance = await teller.database.read(lambda connection: balance_of(connection, payer))
    return balance.wallet.micros


async def held(teller: Teller, payer: Account) -> int:
    funds = await teller.database.read(lambda connection: funds_of(connection, payer))
    return funds.held_micros


async def audit(teller: Teller, sequence: int | None = None) -> LedgerAudit:
    """Audit everything, or what rating's logs caused up to a sequence."""
    marks = {} if sequence is None else {("rating", p): sequence for p in range(8)}
    return await teller.database.read(lambda c: audit_ledger(c, Watermarks(marks)))


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
    assert (await wallet(teller, payer), await held(teller, payer)) == (6_500_000, 0)
    assert (await audit(teller)).findings == []
    assert (await audit(teller)).sums["acme"].usage == {"EUR": 3_500_000}


async def test_a_capture_belongs_to_its_place_in_the_log_of_rating(teller: Teller) -> None:
    """A digest up to the event before does not count it: digests at watermarks agree."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 5))
    await teller.one(capture(payer, opening.place.hold_id, 5, event_sequence=7))
    assert (await audit(teller, sequence=6)).sums["acme"].usage == {}
    assert (await audit(teller, sequence=7)).sums["acme"].usage == {"EUR": 5}


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
    assert (await wallet(teller, payer), await held(teller, payer)) == (4, 4)


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
    assert await held(teller, payer) == 0


async def test_the_same_step_sent_many_times_at_once_is_executed_once(teller: Teller) -> None:
    """Eight copies meet in commits: one hold."""
    payer = await teller.customer(10)
    step = place(payer, 6)
    results = await asyncio.gather(*[teller.one(step) for _ in range(8)])
    assert [each == results[0] for each in results] == [True] * 8
    assert await held(teller, payer) == 6


async def test_an_event_after_its_capture_posts_nothing(teller: Teller) -> None:
    """The two roads of one charge: the capture came first; a row without a hold is posted."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 500))
    hold_id = opening.place.hold_id
    await teller.one(capture(payer, hold_id, 400, charge=7))
    event = rated([(payer, 7, 400, UUID(hold_id).bytes), (payer, 8, 30, None)])
    await teller.deliver((event, payer))
    assert await wallet(teller, payer) == ENOUGH - 430
    assert (await audit(teller)).findings == []


async def test_a_capture_after_its_event_posts_nothing(teller: Teller) -> None:
    """Rating died between close and capture: the event posts and ends the hold; then the RPC."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 500))
    hold_id = opening.place.hold_id
    await teller.deliver((rated([(payer, 7, 600, UUID(hold_id).bytes)]), payer))
    assert (await wallet(teller, payer), await held(teller, payer)) == (ENOUGH - 600, 0)
    late = await teller.one(capture(payer, hold_id, 600, charge=7))
    assert micros_of(late.hold.captured) == 600
    assert await wallet(teller, payer) == ENOUGH - 600


async def test_an_event_of_a_free_call_ends_its_hold(teller: Teller) -> None:
    """Nothing is posted, the money is free. A hold that never came is no obstacle."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 500))
    free = (payer, 7, 0, UUID(opening.place.hold_id).bytes)
    unheld = (payer, 8, 30, UUID(new_uuid()).bytes)
    await teller.deliver((rated([free, unheld]), payer))
    assert await held(teller, payer) == 0
    assert await wallet(teller, payer) == ENOUGH - 30


async def test_holds_that_nobody_ends_expire(teller: Teller) -> None:
    """The switch died: after a minute the money is free; what the call cost is posted still."""
    payer = await teller.customer(10)
    await teller.one(opening := place(payer, 6))
    await expire_holds(teller.database, utc_now() + 59 * SECOND)
    assert await held(teller, payer) == 6
    await expire_holds(teller.database, utc_now() + 61 * SECOND)
    assert await held(teller, payer) == 0
    hold_id = opening.place.hold_id
    assert (await teller.hold(hold_id)).state == HoldState.HOLD_STATE_EXPIRED
    assert reason(await teller.one(change(payer, hold_id, 7))) == "HOLD_ENDED"
    assert reason(await teller.one(capture(payer, hold_id, 8))) == ""
    assert await wallet(teller, payer) == 2


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


Spoil = Callable[[Account, str], hold_pb2.Transfer]
BAD_STEPS: dict[str, list[Spoil]] = {
    "INVALID_TRANSFER": [
        lambda payer, hold: place(payer, -1),
        lambda payer, hold: place(payer, 5, minimum=6),
        lambda payer, hold: place(payer, 5, hold_id="7"),
        lambda payer, hold: place(payer, 5, reference=""),
        lambda payer, hold: place(payer, 5, validity=None),
        lambda payer, hold: capture(payer, hold, 5, charge_id=b"short"),
        lambda payer, hold: capture(payer, hold, 5, revision=0),
        lambda payer, hold: hold_pb2.Transfer(
            request_id="x" * 101, release=hold_pb2.ReleaseHold(hold_id=hold)
        ),
        lambda payer, hold: release("no uuid"),
    ],
    "UNKNOWN_CURRENCY": [lambda payer, hold: place(payer, 1, amount=None)],
    "INVALID_AMOUNT": [lambda payer, hold: _finer_than_a_micro(payer)],
    "UNKNOWN_ACCOUNT": [lambda payer, hold: place(payer, 1, account_id=new_uuid())],
    "HOLD_NOT_FOUND": [
        lambda payer, hold: change(payer, new_uuid(), 1),
        lambda payer, hold: capture(payer, new_uuid(), 1),
        lambda payer, hold: release(new_uuid()),
    ],
    "HOLD_EXISTS": [lambda payer, hold: place(payer, 1, hold_id=hold)],
    "HOLD_EXCEEDED": [
        lambda payer, hold: capture(
            payer, hold, 7, overrun=hold_pb2.OverrunPolicy.OVERRUN_POLICY_REFUSE
        )
    ],
    "INSUFFICIENT_FUNDS": [lambda payer, hold: change(payer, hold, ENOUGH + 1)],
    "CURRENCY_MISMATCH": [
        lambda payer, hold: place(payer, 1, amount=_dollar()),
        lambda payer, hold: capture(payer, hold, 1, amount=_dollar()),
    ],
}


def _dollar() -> Any:
    return {"currency_code": "USD", "units": 1}


def _finer_than_a_micro(payer: Account) -> hold_pb2.Transfer:
    step = place(payer, 1)
    step.place.amount.nanos = 1
    return step


@pytest.mark.parametrize("expected", sorted(BAD_STEPS))
async def test_a_bad_step_is_refused_by_its_reason_and_stops_only_itself(
    teller: Teller, expected: str
) -> None:
    """The hold stays as it was, and good steps beside it take place."""
    payer = await teller.customer(ENOUGH)
    await teller.one(opening := place(payer, 6))
    steps = [spoil(payer, opening.place.hold_id) for spoil in BAD_STEPS[expected]]
    results = await teller.do(place(payer, 1), *steps, place(payer, 2))
    assert [reason(each) for each in results] == ["", *[expected] * len(steps), ""]
    assert await held(teller, payer) == 9


async def test_an_account_that_another_pays_for_holds_nothing(teller: Teller) -> None:
    """Its payer does."""
    paid_for = Account("acme", new_uuid(), new_uuid(), new_uuid(), "EUR", mode=1)  # type: ignore[arg-type]
    await teller.announce(paid_for)
    assert reason(await teller.one(place(paid_for, 1))) == "NOT_A_PAYER"


async def test_too_many_steps_at_once_are_refused(teller: Teller) -> None:
    """A thousand and one."""
    steps = [release(new_uuid())] * 1_001
    with pytest.raises(DomainError, match="BATCH_TOO_LARGE"):
        await teller.do(*steps)


async def test_a_charge_that_the_books_cannot_keep_stops_only_itself(teller: Teller) -> None:
    """Revenue of the partition is at its end: two captures fail, the hold beside them is placed."""
    full, other = accounts_of_partition(3, 2, mode=1)
    await teller.announce(full, other)
    await teller.pay(full, POSTING_MAX_MICROS)
    await teller.one(opening := place(full, POSTING_MAX_MICROS))
    await teller.one(capture(full, opening.place.hold_id, POSTING_MAX_MICROS))
    await teller.one(second := place(other, 0))
    results = await teller.do(
        capture(other, second.place.hold_id, 5, charge=2), place(other, 0), release(new_uuid())
    )
    assert [reason(each) for each in results] == ["BALANCE_OUT_OF_RANGE", "", "HOLD_NOT_FOUND"]
    assert (await teller.hold(second.place.hold_id)).state == HoldState.HOLD_STATE_OPEN
    assert (await audit(teller)).findings == []
    assert Money("EUR", await wallet(teller, other)) == Money("EUR", 0)


@pytest.fixture
async def replicas(
    database: Database, database_url: str, books: Books
) -> AsyncIterator[list[Teller]]:
    """Two replicas over one PostgreSQL; SQLite has one process: there it is one of them twice."""
    if database.dialect == "sqlite":
        yield [Teller(database, books)] * 2
        return
    second = Database.open(database_url)
    yield [Teller(database, books), Teller(second, books)]
    second.close()


async def test_replicas_never_hold_more_than_there_is(replicas: list[Teller]) -> None:
    """A hundred holds of 1 on a balance of 37, from two replicas at once: 37 are placed."""
    payer = await replicas[0].customer(37)
    steps = [place(payer, 1) for _ in range(100)]
    results = await asyncio.gather(*[replicas[n % 2].one(each) for n, each in enumerate(steps)])
    refused = [each for each in results if reason(each)]
    assert {reason(each) for each in refused} == {"INSUFFICIENT_FUNDS"}
    assert len(results) - len(refused) == 37
    assert await held(replicas[0], payer) == 37


async def test_replicas_capture_a_charge_once(replicas: list[Teller]) -> None:
    """The same ten charges captured by both replicas and told by the event, all at once."""
    payers = accounts_of_partition(5, 10, mode=1)
    await replicas[0].announce(*payers)
    for payer in payers:
        await replicas[0].pay(payer, 100)
    opened = [place(payer, 60) for payer in payers]
    await replicas[0].do(*opened)
    holds = [step.place.hold_id for step in opened]
    numbered = list(enumerate(zip(payers, holds, strict=True), 1))
    event = rated([(payer, n, 45, UUID(hold).bytes) for n, (payer, hold) in numbered])
    await asyncio.gather(
        *[teller.one(capture(p, h, 45, charge=n)) for teller in replicas for n, (p, h) in numbered],
        replicas[1].deliver((event, payers[0])),
    )
    for payer in payers:
        assert (await wallet(replicas[0], payer), await held(replicas[0], payer)) == (55, 0)
    assert (await audit(replicas[0])).findings == []

"""Steps that cannot be executed: each is refused by its reason and stops only itself."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chassis.database.engine import Database
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.api.convert_transfers import transfer_from_proto
from services.payment.domain.funds.transfers import PlaceHold
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS
from services.payment.usecases.funds.execute_transfers import TransferExecution
from tests.conformance.payment.books import Books, accounts_of_partition
from tests.conformance.payment.holding import (
    Teller,
    act_as,
    capture,
    change,
    place,
    reason,
    release,
)
from tollbook.payment.v1 import hold_pb2
from tollbook.payment.v1.hold_pb2 import HoldState

ENOUGH = 10_000_000


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """One replica over an empty database."""
    return Teller(database, books)


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
    assert await teller.held(payer) == 9


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
    assert (await teller.audit()).findings == []
    assert Money("EUR", await teller.wallet(other)) == Money("EUR", 0)


async def test_a_step_that_cannot_be_stored_stops_neither_its_request_nor_another_tenant(
    teller: Teller,
) -> None:
    """Whatever is wrong with it: requests that came together are executed, it is refused alone."""
    mine, other = await teller.customer(10), await teller.customer(10, tenant_id="other")
    unstorable = transfer_from_proto(place(mine, 5, reference="call 1"), "rating")
    assert isinstance(unstorable.step, PlaceHold)
    # A character that no database has, past the checks at the door.
    spoiled = replace(unstorable, step=replace(unstorable.step, reference="\ud800"))
    good, first = (transfer_from_proto(place(mine, 5), "rating") for _ in range(2))
    others = transfer_from_proto(place(other, 7), "rating")
    execution = TransferExecution(teller.database)
    together = [("acme", [first]), ("acme", [spoiled, good]), ("other", [others])]
    results = await asyncio.gather(*(execution.execute(*each) for each in together))
    reasons = [[each.error and each.error.reason for each in of_request] for of_request in results]
    assert reasons == [[None], ["STEP_FAILED", None], [None]]
    assert (await teller.held(mine), await teller.held(other)) == (10, 7)


async def test_a_tenant_cannot_touch_the_holds_of_another(teller: Teller) -> None:
    """Neither seen, changed, captured nor released; the same ids are its own hold."""
    payer, theirs = await teller.customer(100), await teller.customer(100, tenant_id="other")
    step = place(payer, 60)
    hold_id = step.place.hold_id
    await teller.one(step)
    act_as("other")
    tried = (change(payer, hold_id, 90), capture(payer, hold_id, 60), release(hold_id))
    assert {reason(await teller.one(each)) for each in tried} == {"HOLD_NOT_FOUND"}
    assert reason(await teller.one(place(payer, 1))) == "UNKNOWN_ACCOUNT"
    with pytest.raises(DomainError, match="HOLD_NOT_FOUND"):
        await teller.hold(hold_id)
    again = place(theirs, 10, hold_id=hold_id)
    again.request_id = step.request_id
    assert not reason(await teller.one(again))
    act_as("acme")
    assert (await teller.hold(hold_id)).held.nanos == 60_000
    assert (await teller.held(payer), await teller.held(theirs)) == (60, 10)
    assert (await teller.audit()).findings == []

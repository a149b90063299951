"""What is given back of a charge goes back to whom it came from: credit never becomes cash."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import update

from chassis.database.engine import Database
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Order
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.balance import Balance
from services.payment.store.ledger_accounts import balance_of
from services.payment.store.schema import promotion_table
from services.payment.usecases.adjustments.grant_promotion import grant_promotion
from services.payment.usecases.adjustments.move_money import refund_money
from tests.conformance.payment.books import Books
from tests.conformance.payment.holding import Teller, capture, place, rated
from tollbook.payment.v1 import hold_pb2


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """One replica over an empty database."""
    return Teller(database, books)


async def customer(teller: Teller, wallet: int, credit: int) -> Account:
    """An account with money of its own and promotional credit."""
    payer = await teller.customer(wallet)
    if credit:
        await grant(teller, payer, credit)
    return payer


async def grant(teller: Teller, payer: Account, credit: int) -> None:
    """Give an account promotional credit for a day."""
    order = Order(new_uuid(), payer.account_id, Money("EUR", credit), "welcome", "ann")
    expires = utc_now() + timedelta(days=1)
    await teller.database.write(lambda uow: grant_promotion(uow, "acme", order, expires))


async def charge(teller: Teller, payer: Account, micros: int) -> str:
    """A call that was held for and has ended; its hold."""
    await teller.one(opening := place(payer, micros))
    await teller.one(capture(payer, opening.place.hold_id, micros))
    return opening.place.hold_id


def correction(payer: Account, hold_id: str, micros: int, revision: int = 2) -> hold_pb2.Transfer:
    """The capture of a later revision of the call's charge."""
    return capture(payer, hold_id, micros, revision=revision)


async def standing(teller: Teller, payer: Account) -> tuple[int, int]:
    """What is in the wallet, and what is left of promotional credit."""
    found: Balance = await teller.database.read(lambda c: balance_of(c, payer))
    return found.wallet.micros, found.promotion.micros


async def expire(teller: Teller, moment: datetime) -> None:
    """Let all credit have expired before a moment."""
    earlier = update(promotion_table).values(expire_time=moment - timedelta(seconds=1))
    await teller.database.write(lambda uow: uow.connection.execute(earlier))


async def test_credit_that_paid_for_a_charge_has_back_what_was_too_much(teller: Teller) -> None:
    """10 of credit paid, the record says 0.1: 9.9 are credit again, none can be paid out."""
    payer = await customer(teller, wallet=0, credit=100)
    hold_id = await charge(teller, payer, 100)
    await teller.one(correction(payer, hold_id, -99))
    assert await standing(teller, payer) == (0, 99)
    order = Order(new_uuid(), payer.account_id, Money("EUR", 99), "cash, please", "ann")
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        await teller.database.write(lambda uow: refund_money(uow, "acme", order))
    assert (await teller.audit()).findings == []


async def test_the_account_has_back_its_own_money_first(teller: Teller) -> None:
    """Of 15, credit paid 10: the first 5 that are given back are the wallet's."""
    payer = await customer(teller, wallet=50, credit=10)
    hold_id = await charge(teller, payer, 15)
    assert await standing(teller, payer) == (45, 0)
    await teller.one(correction(payer, hold_id, -4, revision=2))
    assert await standing(teller, payer) == (49, 0)
    await teller.one(correction(payer, hold_id, -3, revision=3))
    assert await standing(teller, payer) == (50, 2)
    # In one batch: more credit is spent on it, and all of it is given back, and a bit more.
    await teller.do(
        correction(payer, hold_id, 5, revision=4), correction(payer, hold_id, -14, revision=5)
    )
    assert await standing(teller, payer) == (51, 10)
    assert (await teller.audit()).findings == []


async def test_credit_that_has_expired_meanwhile_gets_nothing_back(teller: Teller) -> None:
    """It is the expense of who gave it: neither credit nor cash."""
    payer = await customer(teller, wallet=50, credit=10)
    hold_id = await charge(teller, payer, 15)
    await expire(teller, utc_now())
    await teller.one(correction(payer, hold_id, -12))
    assert await standing(teller, payer) == (50, 0)
    assert (await teller.audit()).findings == []


async def test_an_event_gives_back_as_a_capture_does(teller: Teller) -> None:
    """Whichever tells of the revision first."""
    payer = await customer(teller, wallet=50, credit=10)
    hold_id = await charge(teller, payer, 15)
    event = rated([(payer, 1, -12, UUID(hold_id).bytes)], revision=2)
    await teller.deliver((event, payer))
    assert await standing(teller, payer) == (50, 7)
    await teller.one(correction(payer, hold_id, -12))
    assert await standing(teller, payer) == (50, 7)
    assert (await teller.audit()).findings == []

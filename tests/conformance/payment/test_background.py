"""What payment does by itself: one account that something is wrong with holds up no other."""

from datetime import timedelta

import pytest

from chassis.database.engine import Database
from kernel.clock import utc_now
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Order
from services.payment.domain.funds.holds import Hold, HoldState
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.ledger.account import Account
from services.payment.store.holds import insert_holds
from services.payment.store.promotions import insert_promotion, promotions_of
from services.payment.usecases.adjustments.expire_promotions import expire_promotions
from services.payment.usecases.adjustments.grant_promotion import grant_promotion
from services.payment.usecases.funds.end_holds import HOLDS_MAX, expire_holds
from tests.conformance.payment.books import Books
from tests.conformance.payment.holding import Teller, place

HOUR = timedelta(hours=1)
# Comes before every account that there is.
NOBODY = "0 nobody"


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """One replica over an empty database."""
    return Teller(database, books)


async def test_a_hold_that_cannot_be_ended_keeps_no_other_from_it(teller: Teller) -> None:
    """Older ones are of an account that is not known, as many as one round looks at and more."""
    payer, now = await teller.customer(10), utc_now()
    await teller.one(place(payer, 6))
    due = now - HOUR
    lost = [
        Hold(new_uuid(), NOBODY, "call 0", "EUR", 5, 0, HoldState.OPEN, due, due)
        for _ in range(HOLDS_MAX + 1)
    ]
    await teller.database.write(lambda uow: insert_holds(uow.connection, "acme", lost))
    await expire_holds(teller.database, now + HOUR)
    assert await teller.held(payer) == 0


async def test_credit_that_cannot_be_taken_back_keeps_no_other_from_it(teller: Teller) -> None:
    """It is of an account that is not known; that of others expires."""
    payer, now = await teller.customer(10), utc_now()
    credit = Money("EUR", 5)
    lost = Promotion("acme", new_uuid(), NOBODY, credit, credit, now, now + HOUR)

    await teller.database.write(lambda uow: insert_promotion(uow.connection, lost))
    order = Order(new_uuid(), payer.account_id, credit, "welcome", "ann")
    await teller.database.write(lambda uow: grant_promotion(uow, "acme", order, now + HOUR))
    assert await open_promotions(teller, payer)
    await expire_promotions(teller.database, now + 2 * HOUR)
    assert not await open_promotions(teller, payer)


async def open_promotions(teller: Teller, payer: Account) -> bool:
    """Whether an account has credit left."""
    return bool(await teller.database.read(lambda c: promotions_of(c, "acme", [payer.account_id])))

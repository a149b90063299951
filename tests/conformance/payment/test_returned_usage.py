"""Usage without a hold that is given back goes back to whom it came from, as with a hold."""

from uuid import UUID

import pytest

from chassis.database.engine import Database
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Order
from services.payment.domain.ledger.account import Account
from services.payment.usecases.adjustments.move_money import refund_money
from tests.conformance.payment.books import Books
from tests.conformance.payment.holding import Teller, capture, place, rated
from tests.conformance.payment.test_returned_credit import customer, expire, grant, standing


@pytest.fixture
async def teller(database: Database, books: Books) -> Teller:
    """One replica over an empty database."""
    return Teller(database, books)


async def use(teller: Teller, payer: Account, *amounts: int) -> None:
    """Calls whose records came after them: charges 1, 2, ... in one event."""
    rows = [(payer, number, micros, None) for number, micros in enumerate(amounts, 1)]
    await teller.deliver((rated(rows), payer))


async def correct(
    teller: Teller, payer: Account, before: int, micros: int, charge: int = 1, revision: int = 2
) -> None:
    """A later revision of one call's charge."""
    event = rated([(payer, charge, micros, None)], revision, before)
    await teller.deliver((event, payer))


async def test_credit_that_paid_for_usage_has_back_what_was_too_much(teller: Teller) -> None:
    """100 of credit paid, the corrected record says 1: 99 are credit again, none can be cashed."""
    payer = await customer(teller, wallet=0, credit=100)
    await use(teller, payer, 100)
    await correct(teller, payer, 100, -99)
    assert await standing(teller, payer) == (0, 99)
    order = Order(new_uuid(), payer.account_id, Money("EUR", 99), "cash, please", "ann")
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        await teller.database.write(lambda uow: refund_money(uow, "acme", order))
    assert (await teller.audit()).findings == []


async def test_the_account_has_back_its_own_part_first(teller: Teller) -> None:
    """Of 15, credit paid 10: the first 5 that are given back are the wallet's."""
    payer = await customer(teller, wallet=50, credit=10)
    await use(teller, payer, 15)
    assert await standing(teller, payer) == (45, 0)
    await correct(teller, payer, 15, -4, revision=2)
    assert await standing(teller, payer) == (49, 0)
    await correct(teller, payer, 11, -3, revision=3)
    assert await standing(teller, payer) == (50, 2)
    await correct(teller, payer, 8, -8, revision=4)
    assert await standing(teller, payer) == (50, 10)
    assert (await teller.audit()).findings == []


async def test_each_charge_of_a_batch_gives_back_what_paid_for_it(teller: Teller) -> None:
    """Credit paid the first of two calls and the wallet the second: so they have it again."""
    payer = await customer(teller, wallet=50, credit=10)
    await use(teller, payer, 10, 10)
    assert await standing(teller, payer) == (40, 0)
    rows = [(payer, charge, -4, None) for charge in (1, 2)]
    await teller.deliver((rated(rows, revision=2, before=10), payer))
    assert await standing(teller, payer) == (44, 4)
    assert (await teller.audit()).findings == []


async def test_a_call_and_its_correction_in_one_transaction_leave_what_it_costs(
    teller: Teller,
) -> None:
    """10 of credit are spent on a call of 15 and given back, all but 1."""
    payer = await customer(teller, wallet=50, credit=10)
    first = rated([(payer, 1, 15, None)])
    second = rated([(payer, 1, -14, None)], revision=2, before=15)
    await teller.deliver((first, payer), (second, payer))
    assert await standing(teller, payer) == (50, 9)
    assert (await teller.audit()).findings == []


async def test_what_was_used_before_there_was_credit_is_the_wallets(teller: Teller) -> None:
    """A gift of today has not paid for the call of yesterday."""
    payer = await customer(teller, wallet=50, credit=0)
    await use(teller, payer, 30)
    await grant(teller, payer, 10)
    await correct(teller, payer, 30, -20)
    assert await standing(teller, payer) == (40, 10)


async def test_credit_that_has_expired_gets_nothing_back_of_usage(teller: Teller) -> None:
    """It is the expense of who gave it: neither credit nor cash."""
    payer = await customer(teller, wallet=50, credit=10)
    await use(teller, payer, 15)
    await expire(teller, utc_now())
    await correct(teller, payer, 15, -12)
    assert await standing(teller, payer) == (50, 0)
    assert (await teller.audit()).findings == []


async def test_money_moves_back_though_a_batch_comes_to_nothing(teller: Teller) -> None:
    """Credit pays a new call of 10 while the wallet has back 10 of an older one."""
    payer = await customer(teller, wallet=50, credit=0)
    await use(teller, payer, 10)
    await grant(teller, payer, 10)
    # In one event a later revision of the first charge, and a charge that is as new as it.
    await teller.deliver(
        (rated([(payer, 2, 10, None), (payer, 1, -10, None)], revision=2, before=10), payer)
    )
    assert await standing(teller, payer) == (50, 0)
    assert (await teller.audit()).findings == []


async def test_a_charge_that_changes_its_road_gives_no_credit_away_as_money(
    teller: Teller,
) -> None:
    """Posted by its record, corrected through the hold of its session, or the other way round."""
    payer = await customer(teller, wallet=50, credit=10)
    await use(teller, payer, 10)
    await teller.one(opening := place(payer, 5))
    hold_id = opening.place.hold_id
    await teller.one(capture(payer, hold_id, -4, revision=2))
    assert await standing(teller, payer) == (50, 4)
    await correct(teller, payer, 6, -6, revision=3)
    assert await standing(teller, payer) == (50, 10)
    event = rated([(payer, 2, 8, UUID(hold_id).bytes)])
    await teller.deliver((event, payer))
    await correct(teller, payer, 8, -8, charge=2)
    assert await standing(teller, payer) == (50, 10)
    assert (await teller.audit()).findings == []

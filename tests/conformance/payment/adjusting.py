"""Adjusts books as operators do, through the use cases."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Adjustment, Order
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.transfers import PlaceHold, ReleaseHold, Result, Step, Transfer
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.entries import EntryReason, Posting
from services.payment.store.entries import FIRST_ID, LAST_ID, PlacedEntry, list_entries
from services.payment.store.funds import available_micros
from services.payment.store.promotions import list_promotions
from services.payment.usecases.adjustments.correct_entry import correct_entry
from services.payment.usecases.adjustments.expire_promotions import expire_promotions
from services.payment.usecases.adjustments.grant_promotion import grant_promotion
from services.payment.usecases.adjustments.move_money import refund_money, transfer_money
from services.payment.usecases.adjustments.write_off_debt import write_off_debt
from services.payment.usecases.funds.execute_transfers import execute_together
from tests.conformance.payment.books import Books, accounts_of_partition

NOTE = "agreed on the telephone"


def prepaid(partition: int = 1, count: int = 1, **details: Any) -> list[Account]:
    return accounts_of_partition(partition, count, mode=PaymentMode.PREPAID, **details)


def order(giver: Account, micros: int, taker: Account | None = None, currency: str = "") -> Order:
    """What ann wants."""
    counter = taker.account_id if taker else ""
    amount = Money(currency or giver.currency, micros)
    return Order(new_uuid(), giver.account_id, amount, NOTE, "ann", counter)


def transfer(books: Books, giver: Account, taker: Account, micros: int) -> Adjustment:
    wanted = order(giver, micros, taker)
    return books.write(lambda uow: transfer_money(uow, "acme", wanted))


def refund(books: Books, payer: Account, micros: int) -> Adjustment:
    wanted = order(payer, micros)
    return books.write(lambda uow: refund_money(uow, "acme", wanted))


def grant(books: Books, payer: Account, micros: int, expires: datetime) -> Promotion:
    wanted = order(payer, micros)
    return books.write(lambda uow: grant_promotion(uow, "acme", wanted, expires))[0]


def write_off(books: Books, debtor: Account, micros: int) -> Adjustment:
    wanted = order(debtor, micros)
    return books.write(lambda uow: write_off_debt(uow, "acme", wanted))


def correct(books: Books, entry_id: object) -> Adjustment:
    return books.write(lambda uow: correct_entry(uow, "acme", str(entry_id), "typo", "bob"))


def expire(books: Books, now: datetime) -> None:
    asyncio.run(expire_promotions(books.database, now))


def hold(books: Books, payer: Account, micros: int) -> str:
    """Hold so much of an account for an hour; the hold's id."""
    result = books.write(partial(try_hold, payer=payer, micros=micros))
    assert result.hold is not None
    return result.hold.hold_id


def try_hold(unit_of_work: UnitOfWork, payer: Account, micros: int) -> Result:
    """Hold so much of an account for an hour, if it has it."""
    amount, validity = Money(payer.currency, micros), timedelta(hours=1)
    step = PlaceHold(new_uuid(), payer.account_id, amount, None, validity, "call 1")
    return _executed(unit_of_work, payer, step)


def release(books: Books, payer: Account, hold_id: str) -> None:
    """Give back what a hold has."""
    books.write(partial(_executed, payer=payer, step=ReleaseHold(hold_id)))


def _executed(unit_of_work: UnitOfWork, payer: Account, step: Step) -> Result:
    steps = [Transfer(new_uuid(), b"", "rating", step)]
    (result,) = execute_together(unit_of_work, payer.tenant_id, steps)
    return result


def available(books: Books, payer: Account, now: datetime) -> int | None:
    return books.write(lambda uow: available_micros(uow.connection, payer, now))


def entries(books: Books) -> list[PlacedEntry]:
    return books.read(lambda c: list_entries(c, "acme", (FIRST_ID, LAST_ID), 500, None))


def postings(books: Books, reason: EntryReason) -> list[tuple[Posting, ...]]:
    return [entry.postings for _, entry in entries(books) if entry.reason == reason]


def wallet(books: Books, payer: Account) -> int:
    return books.balance(payer).wallet.micros


def left(books: Books, payer: Account) -> list[int]:
    """What is left of each promotion, the first to expire first."""
    read: Callable[[Connection], list[Promotion]] = partial(
        list_promotions, tenant_id="acme", account_id=payer.account_id, after=None, limit=500
    )
    return [promotion.remaining.micros for promotion in books.read(read)]


def whole(books: Books) -> bool:
    audit = books.audit()
    return (audit.findings, audit.unbalanced_count) == ([], 0)

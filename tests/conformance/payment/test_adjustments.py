"""Adjustments: what people do to money, alike on both databases; nobody's money is spent twice."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection

from chassis.database.insert import insert_into
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.account import Account, PaymentMode
from services.payment.domain.adjustment import Adjustment, ExchangeRate, Order
from services.payment.domain.ledger import EntryReason, Posting
from services.payment.domain.promotion import Promotion
from services.payment.store.adjustments import get_adjustment, list_adjustments
from services.payment.store.entries import FIRST_ID, LAST_ID, PlacedEntry, list_entries
from services.payment.store.funds import available_micros
from services.payment.store.funds_schema import funds_table
from services.payment.store.promotions import list_promotions
from services.payment.usecases.correct_entry import correct_entry
from services.payment.usecases.expire_promotions import expire_promotions
from services.payment.usecases.grant_promotion import grant_promotion
from services.payment.usecases.move_money import exchange_money, refund_money, transfer_money
from services.payment.usecases.write_off_debt import write_off_debt
from tests.conformance.payment.books import Books, account, accounts_of_partition
from tollbook.payment.v1.payment_events_pb2 import BalanceChanged

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


def hold(books: Books, payer: Account, micros: int) -> None:
    """Have this much held of an account in all."""
    row = {"tenant_id": "acme", "account_id": payer.account_id, "held_micros": micros}

    def work(unit_of_work: UnitOfWork) -> None:
        statement = insert_into(unit_of_work.connection, funds_table).values(row)
        changed = statement.on_conflict_do_update(
            index_elements=["tenant_id", "account_id"], set_={"held_micros": micros}
        )
        unit_of_work.connection.execute(changed)

    books.write(work)


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


@pytest.mark.parametrize("partition", [1, 2])
def test_a_transfer_moves_money_between_wallets(books: Books, partition: int) -> None:
    """Within a chain by one entry, between chains by two; either way both balances are told."""
    (giver,) = prepaid(1)
    taker = prepaid(partition, 2)[1]
    books.announce(giver)
    books.announce(taker)
    books.pay(giver, 10_000_000)
    told = len(books.published(BalanceChanged))
    done = transfer(books, giver, taker, 4_000_000)
    assert (wallet(books, giver), wallet(books, taker)) == (6_000_000, 4_000_000)
    assert len(done.journal_entry_ids) == partition
    assert len(books.published(BalanceChanged)) == told + partition
    assert books.read(lambda c: get_adjustment(c, "acme", done.adjustment_id)) == done
    assert (done.note, done.actor, done.counter_amount) == (NOTE, "ann", Money("EUR", 4_000_000))
    times = {e.create_time for _, e in entries(books) if e.reason == EntryReason.TRANSFER}
    assert times == {done.create_time}
    assert whole(books)


def test_only_money_that_was_paid_in_leaves(books: Books) -> None:
    """10 EUR paid and 5 EUR given: 10 can be refunded and not a micro more."""
    giver, taker = prepaid(1, 2)
    books.announce(giver, taker)
    books.pay(giver, 10_000_000)
    grant(books, giver, 5_000_000, utc_now() + timedelta(days=1))
    for move in (partial(refund, books, giver), partial(transfer, books, giver, taker)):
        with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
            move(10_000_001)
    refund(books, giver, 10_000_000)
    assert (wallet(books, giver), books.balance(giver).promotion.micros) == (0, 5_000_000)
    assert books.audit().sums["acme"].payments == {"EUR": 0}
    assert whole(books)


def test_a_postpaid_customer_gets_back_what_it_paid_ahead(books: Books) -> None:
    """10 EUR paid, 4 EUR used and not invoiced: 6 EUR can go back."""
    payer = account()
    books.announce(payer)
    books.pay(payer, 10_000_000)
    books.use((payer, 4_000_000))
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        refund(books, payer, 6_000_001)
    refund(books, payer, 6_000_000)
    assert books.balance(payer).receivable == Money("EUR", -4_000_000)
    assert whole(books)


def test_two_refunds_at_once_do_not_both_get_the_money(books: Books) -> None:
    """Ten at a time for 1 EUR each of 3 EUR: three are paid."""
    (payer,) = prepaid()
    books.announce(payer)
    books.pay(payer, 3_000_000)

    async def rush() -> list[Any]:
        orders = [order(payer, 1_000_000) for _ in range(10)]
        works = [partial(refund_money, tenant_id="acme", order=each) for each in orders]
        return await asyncio.gather(
            *[books.database.write(work) for work in works], return_exceptions=True
        )

    done = asyncio.run(rush())
    assert sum(isinstance(each, Adjustment) for each in done) == 3
    refused = [each for each in done if isinstance(each, DomainError)]
    assert [each.reason for each in refused] == ["INSUFFICIENT_FUNDS"] * 7
    assert wallet(books, payer) == 0


def test_money_is_not_moved_in_a_circle_of_waiting(books: Books) -> None:
    """Transfers between two partitions in both directions at once: all are done."""
    (here,), (there,) = prepaid(1), prepaid(2)
    for payer in (here, there):
        books.announce(payer)
        books.pay(payer, 10_000_000)
    begun: list[Order] = []

    def counted(unit_of_work: UnitOfWork, wanted: Order) -> Adjustment:
        begun.append(wanted)
        return transfer_money(unit_of_work, "acme", wanted)

    async def rush() -> None:
        pairs = [(here, there), (there, here)] * 10
        orders = [order(giver, 100_000, taker) for giver, taker in pairs]
        await asyncio.gather(
            *[books.database.write(partial(counted, wanted=each)) for each in orders]
        )

    asyncio.run(rush())
    assert len(begun) == 20
    assert (wallet(books, here), wallet(books, there)) == (10_000_000, 10_000_000)
    assert whole(books)


@pytest.mark.parametrize("partition", [1, 2])
def test_an_exchange_goes_through_exchange_and_keeps_both_amounts(
    books: Books, partition: int
) -> None:
    """10 EUR at 27,123.456789 dong: both amounts, the rate and its source are kept."""
    (giver,) = prepaid(1)
    taker = prepaid(partition, 2, currency="VND")[1]
    books.announce(giver)
    books.announce(taker)
    books.pay(giver, 10_000_001)
    rate = ExchangeRate("27123.456789", is_inverse=False, source="ECB 2026-11-20")
    wanted = order(giver, 10_000_001, taker)
    done = books.write(lambda uow: exchange_money(uow, "acme", wanted, rate))
    bought = 271_234_595_013  # 271,234,595,013.456789, rounded down
    assert (done.counter_amount, done.rate) == (Money("VND", bought), rate)
    assert (wallet(books, giver), wallet(books, taker)) == (0, bought)
    assert books.read(lambda c: get_adjustment(c, "acme", done.adjustment_id)) == done
    lines = [line for each in postings(books, EntryReason.EXCHANGE) for line in each]
    assert len(postings(books, EntryReason.EXCHANGE)) == partition
    assert sorted(line for line in lines if not line[1]) == [
        (11, "", "EUR", -10_000_001),
        (11, "", "VND", bought),
    ]
    correct(books, done.journal_entry_ids[-1])
    assert (wallet(books, giver), wallet(books, taker)) == (10_000_001, 0)
    assert whole(books)


def test_a_debt_is_given_up_and_comes_back_by_a_correction(books: Books) -> None:
    """12.10 EUR invoiced, 10 EUR paid: 2.10 EUR can be written off, once."""
    debtor = account()
    books.announce(debtor)
    books.use((debtor, 10_000_000))
    books.issue(debtor, used=10_000_000, net=10_000_000, tax=2_100_000)
    books.pay(debtor, 10_000_000)
    with pytest.raises(DomainError, match="DEBT_EXCEEDED"):
        write_off(books, debtor, 2_100_001)
    done = write_off(books, debtor, 2_100_000)
    assert books.balance(debtor).receivable == Money("EUR", 0)
    assert books.audit().sums["acme"].invoiced == {"EUR": 12_100_000}
    correct(books, done.journal_entry_ids[0])
    assert books.balance(debtor).receivable == Money("EUR", 2_100_000)
    assert whole(books)


def test_promotional_credit_expires_when_its_time_is_up(books: Books) -> None:
    """Two grants; the first one's day comes, then the other's. A second look takes nothing."""
    (payer,) = prepaid()
    books.announce(payer)
    now = utc_now()
    grant(books, payer, 3_000_000, now + timedelta(days=1))
    grant(books, payer, 5_000_000, now + timedelta(days=2))
    told = len(books.published(BalanceChanged))
    expire(books, now)
    assert (left(books, payer), len(books.published(BalanceChanged))) == (
        [3_000_000, 5_000_000],
        told,
    )
    for _ in range(2):
        expire(books, now + timedelta(days=1))
        assert left(books, payer) == [0, 5_000_000]
    expire(books, now + timedelta(days=2))
    assert books.balance(payer).promotion == Money("EUR", 0)
    assert len(postings(books, EntryReason.PROMOTION_EXPIRY)) == 2
    assert whole(books)


def test_credit_that_a_hold_relies_on_stays_until_it_ends(books: Books) -> None:
    """5 EUR of credit, 3 EUR held for a call: 2 EUR expire now, the rest when it has ended."""
    (payer,) = prepaid()
    books.announce(payer)
    now = utc_now()
    grant(books, payer, 5_000_000, now + timedelta(days=1))
    hold(books, payer, 3_000_000)
    expire(books, now + timedelta(days=1))
    assert left(books, payer) == [3_000_000]
    assert available(books, payer, now) == 0
    hold(books, payer, 0)
    expire(books, now + timedelta(days=1))
    assert left(books, payer) == [0]
    assert whole(books)


def test_money_that_a_hold_relies_on_does_not_leave(books: Books) -> None:
    """10 EUR paid, 4 EUR held: 6 EUR can be refunded, and the payment cannot be taken back."""
    (payer,) = prepaid()
    books.announce(payer)
    books.pay(payer, 10_000_000)
    hold(books, payer, 4_000_000)
    ((_, paid),) = entries(books)
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        correct(books, paid.journal_entry_id)
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        refund(books, payer, 6_000_001)
    refund(books, payer, 6_000_000)
    assert available(books, payer, utc_now()) == 0


def test_a_correction_takes_back_a_payment_once(books: Books) -> None:
    """Recorded for the wrong customer: the money leaves again, and both entries stay."""
    (payer,) = prepaid()
    books.announce(payer)
    books.pay(payer, 9_000_000)
    ((_, paid),) = entries(books)
    done = correct(books, paid.journal_entry_id)
    assert (done.corrected_entry_id, done.amount) == (
        paid.journal_entry_id,
        Money("EUR", 9_000_000),
    )
    assert wallet(books, payer) == 0
    (_, original), (_, reversed_) = entries(books)
    assert (original, reversed_.reference) == (paid, str(paid.journal_entry_id))
    with pytest.raises(DomainError, match="ENTRY_CORRECTED"):
        correct(books, paid.journal_entry_id)
    with pytest.raises(DomainError, match="ENTRY_NOT_CORRECTABLE"):
        correct(books, reversed_.journal_entry_id)
    with pytest.raises(DomainError, match="ENTRY_NOT_FOUND"):
        correct(books, new_uuid())
    assert books.audit().sums["acme"].payments == {"EUR": 0}
    assert whole(books)


def test_either_side_of_a_transfer_takes_back_both(books: Books) -> None:
    """Named by the entry of who got the money; naming the other one afterwards is too late."""
    (giver,), (taker,) = prepaid(1), prepaid(2)
    books.announce(giver)
    books.announce(taker)
    books.pay(giver, 4_000_000)
    done = transfer(books, giver, taker, 4_000_000)
    first, second = done.journal_entry_ids
    correct(books, second)
    assert (wallet(books, giver), wallet(books, taker)) == (4_000_000, 0)
    with pytest.raises(DomainError, match="ENTRY_CORRECTED"):
        correct(books, first)
    assert whole(books)


def test_what_was_spent_cannot_be_taken_back(books: Books) -> None:
    """A transfer whose money has gone on, and credit of which a part has expired."""
    giver, taker, third = prepaid(1, 3)
    books.announce(giver, taker, third)
    books.pay(giver, 4_000_000)
    done = transfer(books, giver, taker, 4_000_000)
    transfer(books, taker, third, 1)
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        correct(books, done.journal_entry_ids[0])
    now = utc_now()
    promotion = grant(books, giver, 1_000, now + timedelta(days=1))
    expire(books, now + timedelta(days=1))
    (granted,) = [e for _, e in entries(books) if e.reference == promotion.promotion_id][:1]
    with pytest.raises(DomainError, match=r"PROMOTION_SPENT|INSUFFICIENT_FUNDS"):
        correct(books, granted.journal_entry_id)
    assert whole(books)


def test_credit_that_nobody_used_can_be_taken_back(books: Books) -> None:
    """A grant to the wrong account."""
    (payer,) = prepaid()
    books.announce(payer)
    promotion = grant(books, payer, 1_000, utc_now() + timedelta(days=1))
    ((_, entry),) = entries(books)
    assert entry.reference == promotion.promotion_id
    correct(books, entry.journal_entry_id)
    assert (left(books, payer), books.balance(payer).promotion.micros) == ([0], 0)
    assert whole(books)


def test_adjustments_are_listed_newest_first_for_either_side(books: Books) -> None:
    """Who gave and who got see a transfer; others see nothing of it."""
    giver, taker, other = prepaid(1, 3)
    books.announce(giver, taker, other)
    books.pay(giver, 9_000_000)
    done = [
        transfer(books, giver, taker, 1),
        refund(books, giver, 2),
        transfer(books, giver, taker, 3),
    ]

    def listed(account_id: str, limit: int = 9) -> list[Adjustment]:
        return books.read(lambda c: list_adjustments(c, "acme", account_id, None, limit))

    assert listed("") == listed(giver.account_id) == done[::-1]
    assert listed(taker.account_id) == [done[2], done[0]]
    assert (listed(other.account_id), listed("", 1)) == ([], done[2:])
    place = (done[2].create_time, done[2].adjustment_id)
    older = books.read(lambda c: list_adjustments(c, "acme", giver.account_id, place, 9))
    assert older == [done[1], done[0]]


def test_a_refused_adjustment_leaves_no_trace(books: Books) -> None:
    """Unknown accounts, another's payer, another currency."""
    giver, taker = prepaid(1, 2)
    books.announce(giver, taker)
    books.pay(giver, 9_000_000)
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT"):
        transfer(books, giver, prepaid(1, 9)[8], 5)
    wanted = order(giver, 5, taker, "USD")
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        books.write(lambda uow: transfer_money(uow, "acme", wanted))
    with pytest.raises(DomainError, match="INVALID_ADJUSTMENT"):
        grant(books, giver, 5, utc_now())
    assert books.audit().entry_count == 1
    assert books.read(lambda c: list_adjustments(c, "acme", "", None, 9)) == []

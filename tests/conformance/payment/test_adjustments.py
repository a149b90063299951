"""Adjustments: what people do to money, alike on both databases; nobody's is spent twice."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Adjustment, ExchangeRate, Order
from services.payment.domain.funds.transfers import Result
from services.payment.domain.ledger.entries import EntryReason
from services.payment.store.adjustments import get_adjustment, list_adjustments
from services.payment.usecases.adjustments.move_money import (
    exchange_money,
    refund_money,
    transfer_money,
)
from tests.conformance.payment.adjusting import (
    NOTE,
    available,
    correct,
    entries,
    grant,
    order,
    postings,
    prepaid,
    refund,
    transfer,
    try_hold,
    wallet,
    whole,
    write_off,
)
from tests.conformance.payment.books import Books, account
from tollbook.payment.v1.payment_events_pb2 import (
    BalanceChanged,
    DebtReinstated,
    DebtWrittenOff,
)


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


def test_a_hold_and_a_refund_at_once_never_have_the_same_money(books: Books) -> None:
    """Ten holds and ten refunds of 1 EUR, as they come, on 8 EUR: eight of them, whichever."""
    (payer,) = prepaid()
    books.announce(payer)
    books.pay(payer, 8_000_000)

    async def rush() -> list[Any]:
        orders = [order(payer, 1_000_000) for _ in range(10)]
        refunds = [partial(refund_money, tenant_id="acme", order=each) for each in orders]
        holds = [partial(try_hold, payer=payer, micros=1_000_000)] * 10
        mixed = [work for pair in zip(holds, refunds, strict=True) for work in pair]
        return await asyncio.gather(
            *[books.database.write(work) for work in mixed], return_exceptions=True
        )

    done = asyncio.run(rush())
    refunded = sum(isinstance(each, Adjustment) for each in done)
    held = sum(isinstance(each, Result) and each.hold is not None for each in done)
    assert refunded + held == 8
    assert wallet(books, payer) == 8_000_000 - refunded * 1_000_000
    assert available(books, payer, utc_now()) == 0
    assert whole(books)


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
    """12.10 EUR invoiced, 10 EUR paid: 2.10 EUR can be written off, once; others hear of both."""
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
    (told,) = books.published(DebtWrittenOff)
    assert (told.adjustment_id, told.account_id) == (done.adjustment_id, debtor.account_id)
    back = correct(books, done.journal_entry_ids[0])
    assert books.balance(debtor).receivable == Money("EUR", 2_100_000)
    (told,) = books.published(DebtReinstated)
    assert told.write_off_adjustment_id == done.adjustment_id
    assert told.adjustment_id == back.adjustment_id
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

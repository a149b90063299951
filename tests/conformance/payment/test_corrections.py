"""What is taken back: expired credit, and entries by corrections; never what is held or spent."""

from datetime import timedelta

import pytest

from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.funds.funds_policy import PolicyChange
from services.payment.domain.ledger.entries import EntryReason
from services.payment.usecases.funds.lay_down_policy import lay_down_policy
from tests.conformance.payment.adjusting import (
    available,
    correct,
    entries,
    expire,
    grant,
    hold,
    left,
    postings,
    prepaid,
    refund,
    release,
    transfer,
    wallet,
    whole,
)
from tests.conformance.payment.books import Books
from tollbook.payment.v1.payment_events_pb2 import BalanceChanged, PaymentReversed


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
    hold_id = hold(books, payer, 3_000_000)
    expire(books, now + timedelta(days=1))
    assert left(books, payer) == [3_000_000]
    assert available(books, payer, now) == 0
    release(books, payer, hold_id)
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
    (told,) = books.published(PaymentReversed)
    assert (told.payment_id, told.adjustment_id) == (paid.reference, done.adjustment_id)
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


@pytest.mark.parametrize("credit", ["promotion", "limit"])
def test_a_transfer_is_not_taken_back_from_credit(books: Books, credit: str) -> None:
    """Its money is spent; what the taker has on credit would be paid out to the giver."""
    giver, taker = prepaid(1, 2)
    books.announce(giver, taker)
    books.pay(giver, 4_000_000)
    done = transfer(books, giver, taker, 4_000_000)
    books.use((taker, 4_000_000))
    if credit == "promotion":
        grant(books, taker, 4_000_000, utc_now() + timedelta(days=1))
    else:
        limit = PolicyChange(frozenset({"credit_limit"}), Money("EUR", 4_000_000))
        books.write(lambda uow: lay_down_policy(uow, "acme", taker.account_id, limit))
    with pytest.raises(DomainError, match="INSUFFICIENT_FUNDS"):
        correct(books, done.journal_entry_ids[0])
    assert (wallet(books, giver), wallet(books, taker)) == (0, 0)
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

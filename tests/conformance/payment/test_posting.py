"""Events and payments become entries, balances and facts for others, alike on both databases."""

from dataclasses import replace

import pytest

from kernel.errors import DomainError
from kernel.money import Money
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.audit import Watermarks
from services.payment.domain.ledger.balance import Balance
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS
from services.payment.store.accounts import account_of
from tests.conformance.payment.books import (
    Books,
    account,
    accounts_of_partition,
    announcement,
    invoice,
    usage,
)
from tollbook.payment.v1.payment_events_pb2 import BalanceChanged, PaymentSettled
from tollbook.type.v1.call_pb2 import Party


def eur(micros: int) -> Money:
    return Money("EUR", micros)


def balance(payer: Account, wallet: Money, unbilled: Money, receivable: Money) -> Balance:
    """A balance without promotional credit."""
    return Balance(payer.account_id, wallet, unbilled, receivable, eur(0))


def test_a_month_of_a_postpaid_customer(books: Books) -> None:
    """12.345678 EUR of calls, an invoice over 14.94 EUR, 10 EUR paid: 4.94 EUR are still owed."""
    payer = account()
    books.announce(payer)
    books.use((payer, 12_000_000), (payer, 345_678))
    assert books.balance(payer) == balance(payer, eur(0), eur(12_345_678), eur(0))
    books.issue(payer, used=12_345_678, net=12_350_000, tax=2_590_000)
    books.pay(payer, 10_000_000)
    assert books.balance(payer) == balance(payer, eur(0), eur(0), eur(4_940_000))
    audit = books.audit()
    assert (audit.findings, audit.unbalanced_count, audit.entry_count) == ([], 0, 3)
    sums = audit.sums["acme"]
    assert sums.usage == {"EUR": 12_345_678}
    assert sums.invoiced == {"EUR": 14_940_000}
    assert sums.rounding == {"EUR": -4_322}
    assert sums.payments == {"EUR": 10_000_000}


def test_a_month_of_a_prepaid_customer(books: Books) -> None:
    """20 EUR paid in, 3 EUR used: 17 EUR are left; an invoice over the usage is a dead letter."""
    payer = account(PaymentMode.PREPAID)
    books.announce(payer)
    books.pay(payer, 20_000_000)
    books.use((payer, 3_000_000))
    assert books.balance(payer) == balance(payer, eur(17_000_000), eur(0), eur(0))
    with pytest.raises(DomainError, match="PREPAID_INVOICE"):
        books.issue(payer, used=3_000_000, net=3_000_000, tax=630_000)
    assert books.balance(payer) == balance(payer, eur(17_000_000), eur(0), eur(0))
    sums = books.audit().sums["acme"]
    assert (sums.payments, sums.invoiced) == ({"EUR": 20_000_000}, {})


def test_an_invoice_that_gives_money_back_is_the_customers_credit(books: Books) -> None:
    """1 EUR too much was invoiced: its correction leaves the customer 1.21 EUR ahead."""
    payer = account()
    books.announce(payer)
    books.use((payer, -1_000_000))
    books.issue(payer, used=-1_000_000, net=-1_000_000, tax=-210_000)
    assert books.balance(payer) == balance(payer, eur(0), eur(0), eur(-1_210_000))
    audit = books.audit()
    assert (audit.findings, audit.sums["acme"].invoiced) == ([], {"EUR": -1_210_000})


def test_a_batch_is_one_entry_for_each_paying_account(books: Books) -> None:
    """Twenty calls of three accounts, one of them cancelling out: two entries, one event out."""
    first, second, third = accounts_of_partition(3, 3)
    books.announce(first, second, third)
    calls = [(first, 10)] * 10 + [(second, -7)] * 8 + [(third, 5), (third, -5)]
    books.use(*calls)
    assert books.audit().entry_count == 2
    (changed,) = books.published(BalanceChanged)
    assert {balance.account_id: balance.unbilled.nanos for balance in changed.balances} == {
        first.account_id: 100_000,
        second.account_id: -56_000,
    }


def test_a_batch_across_legal_entities_lands_in_the_books_of_each(books: Books) -> None:
    """Two legal entities in one partition have chains of their own."""
    (ours,) = accounts_of_partition(5, 1)
    (theirs,) = accounts_of_partition(5, 1, legal_entity_id="another-entity")
    books.announce(ours, theirs)
    books.use((ours, 1_000), (theirs, 2_000))
    audit = books.audit()
    assert (audit.findings, audit.entry_count) == ([], 2)
    assert books.balance(theirs).unbilled == eur(2_000)


def test_a_reseller_owes_its_wholesale_price_in_its_own_books(books: Books) -> None:
    """One call: 10 cents for the customer, 6 cents and 5 yen for two resellers above it."""
    customer = account()
    reseller = account(legal_entity_id="another-entity")
    upper = account(currency="JPY")
    books.announce(customer, reseller, upper)
    books.use((customer, 100_000))
    books.use((reseller, 60_000), party=Party.PARTY_RESELLER)
    books.use((upper, 5_000_000), party=Party.PARTY_RESELLER)
    assert books.balance(customer).unbilled == eur(100_000)
    assert books.balance(reseller).unbilled == eur(60_000)
    assert books.balance(upper).unbilled == Money("JPY", 5_000_000)
    audit = books.audit()
    assert (audit.findings, audit.unbalanced_count, audit.entry_count) == ([], 0, 3)
    assert audit.sums["acme"].usage == {"EUR": 160_000, "JPY": 5_000_000}


def test_events_delivered_again_change_nothing(books: Books) -> None:
    """A replay of everything leaves root, sums and outbox as they were."""
    payer = account()
    log = [
        books.event(announcement(payer), payer),
        books.event(usage([(payer, 700)]), payer),
        books.event(invoice(payer, 700, 10_000, 2_100), payer),
    ]
    books.deliver(*log)
    root, count = books.audit().root, len(books.published(BalanceChanged))
    books.deliver(*log)
    for envelope in log:
        books.deliver(envelope)
    assert books.audit().root == root
    assert len(books.published(BalanceChanged)) == count


def test_usage_of_an_account_that_nobody_announced_is_refused_whole(books: Books) -> None:
    """The event stays for a later try, and what it has for known accounts stays with it."""
    known, unknown = accounts_of_partition(2, 2)
    books.announce(known)
    envelope = books.event(usage([(known, 5), (unknown, 5)]), known)
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT"):
        books.deliver(envelope)
    assert books.audit().entry_count == 0
    books.announce(unknown)
    books.deliver(envelope)
    assert books.audit().entry_count == 2


def test_an_older_announcement_that_comes_late_changes_nothing(books: Books) -> None:
    """A dead letter sent again does not bring back what an account was before."""
    before = account()
    after = account(PaymentMode.PREPAID, account_id=before.account_id)
    late = books.event(announcement(before), before)
    books.announce(after)
    books.deliver(late)
    assert books.read(lambda c: account_of(c, "acme", before.account_id)) == after


def test_tenants_with_the_same_account_id_have_books_of_their_own(books: Books) -> None:
    """No balance and no sum crosses from one tenant to the other."""
    ours = account()
    theirs = account(tenant_id="umbrella", account_id=ours.account_id)
    books.announce(ours)
    books.announce(theirs)
    books.use((ours, 100))
    books.use((theirs, 7))
    assert books.balance(ours).unbilled == eur(100)
    assert books.balance(theirs).unbilled == eur(7)
    assert {tenant: sums.usage for tenant, sums in books.audit().sums.items()} == {
        "acme": {"EUR": 100},
        "umbrella": {"EUR": 7},
    }


def test_sums_stop_at_the_watermark_of_their_producer(books: Books) -> None:
    """Two events of rating and one of invoice; one of rating counts, and none of invoice."""
    payer = account()
    books.announce(payer)
    books.use((payer, 100))
    books.use((payer, 20))
    books.issue(payer, used=120, net=10_000, tax=0)
    partition = payer.chain.partition
    sums = books.audit(Watermarks({("rating", partition): 1, ("invoice", partition): 1})).sums
    assert sums["acme"].usage == {"EUR": 100}
    assert sums["acme"].invoiced == {}
    assert books.audit(Watermarks({("rating", partition + 1): 0})).sums["acme"].usage == {
        "EUR": 120
    }


def test_a_balance_past_64_bits_is_refused_not_rounded(books: Books) -> None:
    """The largest payment fits; a micro more would not, and leaves no trace."""
    payer = account(PaymentMode.PREPAID, currency="VND")
    books.announce(payer)
    books.pay(payer, POSTING_MAX_MICROS)
    for micros in (1, POSTING_MAX_MICROS):
        with pytest.raises(DomainError, match="BALANCE_OUT_OF_RANGE"):
            books.pay(payer, micros)
    assert books.balance(payer).wallet.micros == POSTING_MAX_MICROS
    assert books.audit().findings == []


def test_payments_are_refused_with_the_reason(books: Books) -> None:
    """An unknown account, another currency, an id used before, an account that another pays for."""
    payer = account()
    child = replace(account(), payer_account_id=payer.account_id)
    books.announce(payer, child)
    paid = books.pay(payer, 5)
    with pytest.raises(DomainError, match="UNKNOWN_ACCOUNT"):
        books.pay(account(), 5)
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        books.pay(payer, 5, amount=Money("USD", 5))
    with pytest.raises(DomainError, match="PAYMENT_EXISTS"):
        books.pay(payer, 5, payment_id=paid.receipt.payment_id)
    with pytest.raises(DomainError, match="NOT_A_PAYER"):
        books.pay(child, 5)
    assert books.audit().entry_count == 1
    assert len(books.published(PaymentSettled)) == 1

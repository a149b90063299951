"""The posting rules: usage, invoices and payments, prepaid and postpaid."""

from collections import defaultdict
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from kernel.money import Money
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.balance import Balance
from services.payment.domain.ledger.entries import JournalEntry, LedgerAccountKind
from services.payment.domain.ledger.posting_rules import (
    Cause,
    InvoiceAmounts,
    invoice_entries,
    payment_entries,
    usage_entries,
)

CAUSE = Cause("reference", "actor")
PREPAID = Account("acme", "a", "entity", "a", "EUR", PaymentMode.PREPAID)
POSTPAID = Account("acme", "a", "entity", "a", "EUR", PaymentMode.POSTPAID)

micros = st.integers(-(10**12), 10**12)


def eur(amount: int) -> Money:
    return Money("EUR", amount)


def lines(entries: Iterable[JournalEntry]) -> list[tuple[str, str, int]]:
    """Reason, ledger account and amount of each posting."""
    return [
        (entry.reason.name, LedgerAccountKind(posting.kind).name, posting.micros)
        for entry in entries
        for posting in entry.postings
    ]


def invoice(usage: int, net: int, tax: int) -> InvoiceAmounts:
    return InvoiceAmounts(eur(usage), eur(tax), eur(net + tax), eur(net - usage))


def balance(account: Account, entries: Iterable[JournalEntry]) -> Balance:
    sums: dict[int, int] = defaultdict(int)
    for entry in entries:
        for posting in entry.postings:
            sums[posting.kind] += posting.micros
    return Balance.of(account, sums)


def test_postpaid_usage_is_owed_before_it_is_invoiced() -> None:
    """Debit unbilled, credit revenue."""
    assert lines(usage_entries(POSTPAID, eur(1_234_567), CAUSE)) == [
        ("USAGE", "UNBILLED_RECEIVABLE", 1_234_567),
        ("USAGE", "REVENUE", -1_234_567),
    ]


def test_prepaid_usage_is_taken_from_the_wallet() -> None:
    """Debit wallet, credit revenue."""
    assert lines(usage_entries(PREPAID, eur(50), CAUSE)) == [
        ("USAGE", "WALLET", 50),
        ("USAGE", "REVENUE", -50),
    ]


def test_a_correction_gives_usage_back() -> None:
    """A negative sum is the same entry with the signs turned."""
    assert lines(usage_entries(PREPAID, eur(-50), CAUSE)) == [
        ("USAGE", "WALLET", -50),
        ("USAGE", "REVENUE", 50),
    ]


def test_what_moves_no_money_is_no_entry() -> None:
    """Charges and corrections that cancel out, an invoice over nothing."""
    assert list(usage_entries(POSTPAID, eur(0), CAUSE)) == []
    assert list(invoice_entries(POSTPAID, invoice(0, 0, 0), CAUSE)) == []


def test_an_invoice_turns_unbilled_into_receivable_with_tax_and_rounding() -> None:
    """12.345678 EUR of calls: net 12.35, VAT 21 % 2.59, total 14.94, rounding 0.004322."""
    assert lines(invoice_entries(POSTPAID, invoice(12_345_678, 12_350_000, 2_590_000), CAUSE)) == [
        ("INVOICE", "RECEIVABLE", 14_940_000),
        ("INVOICE", "UNBILLED_RECEIVABLE", -12_345_678),
        ("INVOICE", "TAX", -2_590_000),
        ("INVOICE", "ROUNDING_DIFFERENCE", -4_322),
    ]


def test_a_prepaid_customer_is_never_asked_to_pay_twice() -> None:
    """The wallet has paid for the usage: whoever sends an invoice for it is mistaken."""
    with pytest.raises(DomainError, match="PREPAID_INVOICE"):
        list(invoice_entries(PREPAID, invoice(998_000, 1_000_000, 210_000), CAUSE))


def test_an_invoice_that_gives_money_back_is_posted_with_its_signs_turned() -> None:
    """Corrections outweigh the usage: the customer has a credit, and the tax comes back too."""
    assert lines(invoice_entries(POSTPAID, invoice(-998_000, -1_000_000, -210_000), CAUSE)) == [
        ("INVOICE", "RECEIVABLE", -1_210_000),
        ("INVOICE", "UNBILLED_RECEIVABLE", 998_000),
        ("INVOICE", "TAX", 210_000),
        ("INVOICE", "ROUNDING_DIFFERENCE", 2_000),
    ]


def test_an_invoice_that_does_not_add_up_is_refused() -> None:
    """Total is not net and tax: somebody computed wrongly, and nothing is posted."""
    amounts = InvoiceAmounts(eur(100), eur(21), eur(120), eur(0))
    with pytest.raises(DomainError, match="UNBALANCED_ENTRY"):
        list(invoice_entries(POSTPAID, amounts, CAUSE))


def test_a_payment_credits_what_the_customer_owes_or_has() -> None:
    """Debit clearing; credit receivable (postpaid) or wallet (prepaid)."""
    assert lines(payment_entries(POSTPAID, eur(7), CAUSE)) == [
        ("PAYMENT", "CLEARING", 7),
        ("PAYMENT", "RECEIVABLE", -7),
    ]
    assert lines(payment_entries(PREPAID, eur(7), CAUSE))[1] == ("PAYMENT", "WALLET", -7)


def test_money_of_another_currency_is_refused() -> None:
    """A dollar cannot be posted to a euro account; exchanging it is a movement of its own."""
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        list(payment_entries(PREPAID, Money("USD", 7), CAUSE))


@given(st.lists(micros, max_size=5), st.integers(0, 9_999), micros, micros)
def test_a_postpaid_account_owes_what_was_invoiced_less_what_it_paid(
    usages: list[int], rounding: int, tax: int, paid: int
) -> None:
    """After the invoice nothing is unbilled, whatever the usage, corrections included."""
    usage = sum(usages)
    net = usage + rounding
    entries = [entry for used in usages for entry in usage_entries(POSTPAID, eur(used), CAUSE)]
    entries += invoice_entries(POSTPAID, invoice(usage, net, tax), CAUSE)
    entries += payment_entries(POSTPAID, eur(paid), CAUSE)
    assert balance(POSTPAID, entries) == Balance("a", eur(0), eur(0), eur(net + tax - paid), eur(0))


@given(st.lists(micros, max_size=5), micros)
def test_a_prepaid_account_has_what_it_paid_less_what_it_used(usages: list[int], paid: int) -> None:
    """Usage comes out of the wallet as it happens; nothing is ever unbilled or receivable."""
    entries = [entry for used in usages for entry in usage_entries(PREPAID, eur(used), CAUSE)]
    entries += payment_entries(PREPAID, eur(paid), CAUSE)
    assert balance(PREPAID, entries) == Balance(
        "a", eur(paid - sum(usages)), eur(0), eur(0), eur(0)
    )

"""An entry of the journal exists only when money neither appears nor vanishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from services.payment.domain.ledger.entries import (
    KINDS_OF_ACCOUNTS,
    POSTING_MAX_MICROS,
    EntryReason,
    JournalEntry,
    LedgerAccountKind,
    Posting,
)

WALLET, REVENUE = LedgerAccountKind.WALLET, LedgerAccountKind.REVENUE


def entry(*postings: Posting) -> JournalEntry:
    return JournalEntry(EntryReason.USAGE, "rating.3.7", "rating", postings)


def refusal(*postings: Posting) -> DomainError:
    with pytest.raises(DomainError) as refused:
        entry(*postings)
    return refused.value


def test_an_entry_is_a_debit_and_a_credit_of_the_same_amount() -> None:
    """1 EUR from the wallet of account a is 1 EUR of revenue."""
    postings = (Posting(WALLET, "a", "EUR", 1_000_000), Posting(REVENUE, "", "EUR", -1_000_000))
    assert entry(*postings).postings == postings


def test_an_entry_out_of_balance_is_refused_with_the_difference() -> None:
    """A micro too little on one side is a micro that vanished."""
    error = refusal(Posting(WALLET, "a", "EUR", 1_000_000), Posting(REVENUE, "", "EUR", -999_999))
    assert error.reason == "UNBALANCED_ENTRY"
    assert error.metadata == {"reference": "rating.3.7", "currency": "EUR", "micros": "1"}


def test_currencies_do_not_make_up_for_each_other() -> None:
    """A euro is not balanced by a dollar."""
    error = refusal(Posting(WALLET, "a", "EUR", 1), Posting(REVENUE, "", "USD", -1))
    assert error.reason == "UNBALANCED_ENTRY"


@pytest.mark.parametrize(
    "postings",
    [
        (),
        (Posting(WALLET, "a", "EUR", 0),),
        (Posting(WALLET, "a", "EUR", 0), Posting(REVENUE, "", "EUR", 0)),
        (Posting(WALLET, "", "EUR", 1), Posting(REVENUE, "", "EUR", -1)),
        (Posting(WALLET, "a", "EUR", 1), Posting(REVENUE, "a", "EUR", -1)),
        (Posting(WALLET, "a", "ZZZ", 1), Posting(REVENUE, "", "ZZZ", -1)),
        (
            Posting(WALLET, "a", "EUR", POSTING_MAX_MICROS + 1),
            Posting(REVENUE, "", "EUR", -POSTING_MAX_MICROS - 1),
        ),
    ],
    ids=["empty", "alone", "zero", "no account", "account of revenue", "currency", "too large"],
)
def test_an_entry_that_makes_no_sense_is_refused(postings: tuple[Posting, ...]) -> None:
    """Each posting moves something, on a ledger account that can exist."""
    assert refusal(*postings).reason == "MALFORMED_ENTRY"


@st.composite
def postings(draw: st.DrawFn) -> Posting:
    kind = draw(st.sampled_from(LedgerAccountKind))
    account_id = draw(st.sampled_from(["a", "b"])) if kind in KINDS_OF_ACCOUNTS else ""
    micros = draw(st.integers(-3, 3).filter(bool))
    return Posting(kind, account_id, draw(st.sampled_from(["EUR", "USD"])), micros)


@given(st.lists(postings(), min_size=2, max_size=6))
def test_exactly_what_balances_exists(lines: list[Posting]) -> None:
    """Whatever the ledger accounts: an entry exists if, and only if, each currency sums to zero."""
    sums = dict.fromkeys(("EUR", "USD"), 0)
    for line in lines:
        sums[line.currency] += line.micros
    if any(sums.values()):
        assert refusal(*lines).reason == "UNBALANCED_ENTRY"
    else:
        assert entry(*lines).postings == tuple(lines)

"""Whatever is adjusted, entries balance, and no money comes from nothing."""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kernel.errors import DomainError
from kernel.money import Money
from kernel.partition import partition_of
from services.payment.domain.adjustments.adjustment import ExchangeRate, Order
from services.payment.domain.adjustments.adjustment_rules import (
    Entries,
    exchange_entries,
    expiry_entries,
    own_money,
    promotion_entries,
    refund_entries,
    transfer_entries,
    write_off_entries,
)
from services.payment.domain.adjustments.correction import (
    Placed,
    correction_entries,
    correction_order,
    require_correctable,
    taken_back,
)
from services.payment.domain.funds.promotion import Promotion, expiring
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.balance import Balance
from services.payment.domain.ledger.entries import (
    POSTING_MAX_MICROS,
    EntryReason,
    JournalEntry,
    LedgerAccountKind,
)
from services.payment.domain.ledger.hash_chain import ChainHead
from services.payment.domain.ledger.posting_rules import Cause

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CAUSE = Cause("adjustment", "ann")


def account(name: str, currency: str = "EUR", mode: PaymentMode = PaymentMode.PREPAID) -> Account:
    return Account("acme", name, "entity", name, currency, mode)


def name_in(partition: int, number: int) -> str:
    """The name of an account whose books are in a partition."""
    names = (f"a{n}" for n in range(1_000))
    return [name for name in names if partition_of("acme", name) == partition][number]


GIVER = account(name_in(1, 0))
NEAR, FAR = account(name_in(1, 1)), account(name_in(2, 0))
amounts = st.integers(1, 10**15).map(lambda micros: Money("EUR", micros))
takers = st.sampled_from([NEAR, FAR])


def sums(entries: Iterable[Entries]) -> dict[tuple[str, str, int], int]:
    """What each ledger account has, those without anything left out; the entity's in one."""
    found: dict[tuple[str, str, int], int] = defaultdict(int)
    for each in entries:
        for of_chain in each.values():
            for entry in of_chain:
                for line in entry.postings:
                    found[line.account_id, line.currency, line.kind] += line.micros
    return {key: micros for key, micros in found.items() if micros}


def placed(entries: Entries) -> list[Placed]:
    """Entries as they stand in their chains, each its first."""
    return [
        (chain, ChainHead.genesis(chain).link([entry], NOW)[0])
        for chain, of_chain in entries.items()
        for entry in of_chain
    ]


@given(amounts, takers)
def test_a_transfer_moves_money_and_leaves_nothing_between(amount: Money, taker: Account) -> None:
    """One entry within a chain; two through clearing, which is empty again in all."""
    entries = transfer_entries(GIVER, taker, amount, CAUSE)
    assert len(entries) == (1 if taker is NEAR else 2)
    assert sums([entries]) == {
        (GIVER.account_id, "EUR", LedgerAccountKind.WALLET): amount.micros,
        (taker.account_id, "EUR", LedgerAccountKind.WALLET): -amount.micros,
    }


@given(amounts, takers)
def test_a_transfer_and_its_correction_are_nothing(amount: Money, taker: Account) -> None:
    """Both sides come back, each in its own chain, and each names what it takes back."""
    entries = transfer_entries(GIVER, taker, amount, CAUSE)
    originals = placed(entries)
    corrections = correction_entries(originals, "bob")
    assert sums([entries, corrections]) == {}
    assert [entry.reference for of_chain in corrections.values() for entry in of_chain] == [
        str(entry.journal_entry_id) for _, entry in originals
    ]
    assert taken_back(originals) == {taker.account_id: amount.micros}
    order, counter_amount = correction_order("id", originals, "typo", "bob")
    assert (order.account_id, order.amount) == (GIVER.account_id, amount)
    assert (order.counter_account_id, counter_amount) == (taker.account_id, amount)


digits = st.integers(1, 10**12 - 1)
rates = st.builds(
    ExchangeRate,
    st.builds(lambda whole, part: f"{whole}.{part:012}".rstrip("0").rstrip("."), digits, digits),
    st.booleans(),
    st.just("ECB"),
)


@given(st.integers(1, 10**12), rates, st.booleans())
def test_an_exchange_never_creates_money(sold: int, rate: ExchangeRate, far: bool) -> None:
    """Each currency sums to zero, what is bought is worth no more, there and back wins nothing."""
    buyer = account((FAR if far else NEAR).account_id, "VND")
    exact = sold * (1 / Fraction(rate.text) if rate.is_inverse else Fraction(rate.text))
    assume(1 <= exact <= POSTING_MAX_MICROS)
    bought = rate.exchanged(Money("EUR", sold), "VND")
    assert 0 <= exact - bought.micros < 1
    entries = exchange_entries(GIVER, buyer, Money("EUR", sold), bought, CAUSE)
    assert sums([entries]) == {
        (GIVER.account_id, "EUR", LedgerAccountKind.WALLET): sold,
        ("", "EUR", LedgerAccountKind.EXCHANGE): -sold,
        ("", "VND", LedgerAccountKind.EXCHANGE): bought.micros,
        (buyer.account_id, "VND", LedgerAccountKind.WALLET): -bought.micros,
    }
    back = ExchangeRate(rate.text, not rate.is_inverse, rate.source)
    with suppress(DomainError):  # less than a micro
        assert back.exchanged(bought, "EUR").micros <= sold


@pytest.mark.parametrize("rate", ["", "0", "0.0", "-1", "1e3", "1.", ".5", "1" * 13, "½", "nan"])
def test_a_rate_that_nobody_can_mean_is_refused(rate: str) -> None:
    """Above 0, plain digits, at most twelve on each side of the point."""
    with pytest.raises(DomainError, match="INVALID_ADJUSTMENT"):
        ExchangeRate(rate, is_inverse=False, source="ECB")


@pytest.mark.parametrize(("micros", "rate"), [(1, "0.5"), (10**18, "10")])
def test_an_exchange_for_nothing_or_too_much_is_refused(micros: int, rate: str) -> None:
    """Less than a micro, or more than can be posted."""
    with pytest.raises(DomainError, match="INVALID_ADJUSTMENT"):
        ExchangeRate(rate, is_inverse=False, source="ECB").exchanged(Money("EUR", micros), "VND")


def test_money_stays_with_those_who_owe_it() -> None:
    """No transfer to itself, from or to a postpaid account, to another entity or currency."""
    amount = Money("EUR", 5)
    with pytest.raises(DomainError, match="SAME_ACCOUNT"):
        transfer_entries(GIVER, GIVER, amount, CAUSE)
    postpaid = account("p", mode=PaymentMode.POSTPAID)
    elsewhere = Account("acme", "e", "other entity", "e", "EUR", PaymentMode.PREPAID)
    for giver, taker in ((postpaid, GIVER), (GIVER, postpaid)):
        with pytest.raises(DomainError, match="NO_WALLET"):
            transfer_entries(giver, taker, amount, CAUSE)
    with pytest.raises(DomainError, match="LEGAL_ENTITY_MISMATCH"):
        transfer_entries(GIVER, elsewhere, amount, CAUSE)
    with pytest.raises(DomainError, match="CURRENCY_MISMATCH"):
        transfer_entries(GIVER, account("v", "VND"), amount, CAUSE)
    with pytest.raises(DomainError, match="SAME_CURRENCY"):
        exchange_entries(GIVER, NEAR, amount, amount, CAUSE)


def balance(wallet: int = 0, unbilled: int = 0, receivable: int = 0) -> Balance:
    values = (wallet, unbilled, receivable, 7_000)
    return Balance("a", *(Money("EUR", micros) for micros in values))


def test_own_money_is_what_was_paid_and_not_used() -> None:
    """Promotional credit is not; of a postpaid account it is what it has paid ahead."""
    postpaid = account("p", mode=PaymentMode.POSTPAID)
    assert own_money(GIVER, balance(wallet=500)).micros == 500
    assert own_money(postpaid, balance(unbilled=100, receivable=-500)).micros == 400
    assert own_money(postpaid, balance(receivable=500)).micros == -500


def test_a_debt_is_written_off_where_it_is_owed() -> None:
    """Of a postpaid account what was invoiced, of a prepaid one what it used above its money."""
    postpaid = account("p", mode=PaymentMode.POSTPAID)
    owed = write_off_entries(postpaid, Money("EUR", 300), CAUSE, balance(0, 900, 300))
    assert sums([owed]) == {
        ("", "EUR", LedgerAccountKind.WRITE_OFF): 300,
        ("p", "EUR", LedgerAccountKind.RECEIVABLE): -300,
    }
    overdrawn = write_off_entries(GIVER, Money("EUR", 20), CAUSE, balance(wallet=-20))
    assert sums([overdrawn])[GIVER.account_id, "EUR", LedgerAccountKind.WALLET] == -20
    for debtor, found in ((postpaid, balance(0, 900, 299)), (GIVER, balance(wallet=300))):
        with pytest.raises(DomainError, match="DEBT_EXCEEDED"):
            write_off_entries(debtor, Money("EUR", 300), CAUSE, found)


@given(amounts)
def test_refunds_and_promotions_cancel_out_with_their_corrections(amount: Money) -> None:
    """Each alone and together; what expires is what the grant did, the other way round."""
    refunded = refund_entries(GIVER, amount, CAUSE)
    granted = promotion_entries(GIVER, amount, CAUSE)
    assert sums([refunded, correction_entries(placed(refunded), "bob")]) == {}
    assert sums([granted, expiry_entries(GIVER, amount, CAUSE)]) == {}
    assert taken_back(placed(granted)) == {GIVER.account_id: amount.micros}
    assert taken_back(placed(refunded)) == {}


@pytest.mark.parametrize("reason", [EntryReason.USAGE, EntryReason.INVOICE, EntryReason.CORRECTION])
def test_what_others_post_is_corrected_by_them(reason: EntryReason) -> None:
    """A charge by rating, an invoice by a credit note; a correction is done again instead."""
    ((_, (entry,)),) = refund_entries(GIVER, Money("EUR", 1), CAUSE).items()
    other = JournalEntry(reason, entry.reference, entry.actor, entry.postings)
    with pytest.raises(DomainError, match="ENTRY_NOT_CORRECTABLE"):
        require_correctable(ChainHead.genesis(GIVER.chain).link([other], NOW)[0])


@pytest.mark.parametrize(
    ("micros", "note"),
    [(0, "why"), (-1, "why"), (1, " "), (1, "w" * 501)],
)
def test_an_order_says_how_much_and_why(micros: int, note: str) -> None:
    """A positive amount, and a reason in words."""
    with pytest.raises(DomainError, match="INVALID_ADJUSTMENT"):
        Order("id", "x", Money("EUR", micros), note, "ann")


grants = st.lists(
    st.tuples(st.integers(1, 1_000), st.integers(-50, 50)).map(
        lambda pair: (pair[0], NOW + timedelta(seconds=pair[1]))
    ),
    max_size=6,
)


@given(grants, st.integers(0, 4_000), st.one_of(st.none(), st.integers(-2_000, 5_000)))
def test_credit_expires_but_for_what_holds_rely_on(
    granted: list[tuple[int, datetime]], held: int, spare: int | None
) -> None:
    """Never more than is spare or left when holds are paid; what has expired, the oldest first."""
    promotions = [
        Promotion("acme", str(n), "a", Money("EUR", micros), Money("EUR", micros), NOW, expires)
        for n, (micros, expires) in enumerate(granted)
    ]
    taken = {key: amount.micros for key, amount in expiring(promotions, held, spare, NOW).items()}
    due = sorted(
        (each for each in promotions if each.has_expired(NOW)), key=lambda e: e.expire_time
    )
    free = max(sum(each.remaining.micros for each in due) - held, 0)
    assert sum(taken.values()) == (free if spare is None else min(free, max(spare, 0)))
    whole = [each for each in due if taken.get(each.promotion_id) == each.remaining.micros]
    assert whole == due[: len(whole)]
    assert len(taken) - len(whole) in {0, 1}

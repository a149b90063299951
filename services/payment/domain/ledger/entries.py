"""The double-entry ledger's values: ledger accounts, postings and entries that balance."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from kernel.money import is_currency
from services.payment.domain.errors import malformed_entry, unbalanced_entry

# What a posting and a balance may reach, in micros: just inside 64 bits, so that a database refuses
# what it would otherwise round (SQLite goes on in floating point) or wrap.
POSTING_MAX_MICROS = 9 * 10**18


class LedgerAccountKind(IntEnum):
    """What a ledger account stands for; the numbers are part of every entry's hash."""

    WALLET = 1
    UNBILLED_RECEIVABLE = 2
    RECEIVABLE = 3
    REVENUE = 4
    TAX = 5
    ROUNDING_DIFFERENCE = 6
    CLEARING = 7
    PROMOTION = 8
    PROMOTION_EXPENSE = 9
    TRANSFER_CLEARING = 10
    EXCHANGE = 11
    WRITE_OFF = 12
    SUPPLIER_COST = 13
    SUPPLIER_PAYABLE = 14


# Kept for each billing account; the other kinds once for each legal entity and partition.
KINDS_OF_ACCOUNTS = frozenset(
    {
        LedgerAccountKind.WALLET,
        LedgerAccountKind.UNBILLED_RECEIVABLE,
        LedgerAccountKind.RECEIVABLE,
        LedgerAccountKind.PROMOTION,
    }
)


class EntryReason(IntEnum):
    """Why money moved; the numbers are part of every entry's hash."""

    USAGE = 1
    INVOICE = 2
    PAYMENT = 3
    PROMOTION = 4
    PROMOTION_EXPIRY = 5
    TRANSFER = 6
    REFUND = 7
    WRITE_OFF = 8
    EXCHANGE = 9
    CORRECTION = 10


class Posting(NamedTuple):
    """One line of an entry: debit is positive, credit is negative."""

    kind: int
    account_id: str  # empty for the kinds of a legal entity
    currency: str
    micros: int


# What tells the ledger accounts of one chain apart: account id, currency, kind.
LedgerAccountKey = tuple[str, str, int]


class EventSource(NamedTuple):
    """The event that caused an entry, by its place in its producer's log."""

    producer: str
    partition: int
    sequence: int


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """A movement of money. It cannot exist unless its postings sum to zero in each currency.

    Raises:
        DomainError: UNBALANCED_ENTRY, MALFORMED_ENTRY.
    """

    reason: EntryReason
    reference: str
    actor: str
    postings: tuple[Posting, ...]
    source: EventSource | None = None

    def __post_init__(self) -> None:
        if len(self.postings) < 2:
            raise malformed_entry(self.reference, "an entry has a debit and a credit")
        for posting in self.postings:
            if fault := _fault_of(posting):
                raise malformed_entry(self.reference, f"{posting}: {fault}")
        for currency, micros in sums_by_currency(self.postings).items():
            if micros:
                raise unbalanced_entry(self.reference, currency, micros)


def sums_by_ledger_account(postings: Iterable[Posting]) -> dict[LedgerAccountKey, int]:
    """Debits less credits, in micros, of each ledger account."""
    sums: dict[LedgerAccountKey, int] = defaultdict(int)
    for posting in postings:
        sums[posting.account_id, posting.currency, posting.kind] += posting.micros
    return sums


def sums_by_currency(postings: Iterable[Posting]) -> dict[str, int]:
    """Debits less credits, in micros of each currency."""
    sums: dict[str, int] = defaultdict(int)
    for posting in postings:
        sums[posting.currency] += posting.micros
    return sums


def _fault_of(posting: Posting) -> str:
    if not 0 < abs(posting.micros) <= POSTING_MAX_MICROS:
        return f"an amount is not zero and at most {POSTING_MAX_MICROS} micros"
    if (posting.kind in KINDS_OF_ACCOUNTS) != bool(posting.account_id):
        return "a billing account belongs to the kinds kept for each account, and only there"
    return "" if is_currency(posting.currency) else "the currency is not of ISO 4217"

"""The posting rules: which ledger accounts usage, invoices and payments debit and credit."""

from collections.abc import Iterator
from dataclasses import dataclass

from kernel.money import Money
from services.payment.domain.errors import prepaid_invoice
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.entries import (
    KINDS_OF_ACCOUNTS,
    EntryReason,
    EventSource,
    JournalEntry,
    LedgerAccountKind,
    Posting,
)

_Line = tuple[LedgerAccountKind, Money]


@dataclass(frozen=True, slots=True)
class Cause:
    """What makes money move: an id to find it by, who caused it, the event that told."""

    reference: str
    actor: str
    source: EventSource | None = None


@dataclass(frozen=True, slots=True)
class InvoiceAmounts:
    """The amounts of an issued invoice."""

    usage: Money
    tax: Money
    total: Money
    rounding_difference: Money


def usage_entries(
    account: Account,
    amount: Money,
    cause: Cause,
    promotion_micros: int = 0,
    expired_micros: int = 0,
) -> Iterator[JournalEntry]:
    """Usage: debit what pays for it, credit revenue; none for zero.

    Promotional credit pays its part, the wallet (prepaid) or unbilled (postpaid) the rest. A
    negative amount takes back what an earlier charge was too much, of that `expired_micros` for the
    expense of promotional credit that has expired since it paid.
    """
    promoted = Money(amount.currency, promotion_micros)
    expired = Money(amount.currency, -expired_micros)
    lines = [
        (LedgerAccountKind.PROMOTION, promoted),
        (LedgerAccountKind.PROMOTION_EXPENSE, expired),
        (account.usage_kind, amount - promoted - expired),
        (LedgerAccountKind.REVENUE, -amount),
    ]
    yield from _entries(account, EntryReason.USAGE, cause, lines)


def invoice_entries(
    account: Account, amounts: InvoiceAmounts, cause: Cause
) -> Iterator[JournalEntry]:
    """An invoice: debit receivable, credit unbilled usage, tax and rounding difference.

    Raises:
        DomainError: PREPAID_INVOICE, as the wallet has paid for prepaid usage when it happened.
    """
    if account.mode == PaymentMode.PREPAID:
        raise prepaid_invoice(cause.reference, account.account_id)
    lines = [
        (LedgerAccountKind.RECEIVABLE, amounts.total),
        (LedgerAccountKind.UNBILLED_RECEIVABLE, -amounts.usage),
        (LedgerAccountKind.TAX, -amounts.tax),
        (LedgerAccountKind.ROUNDING_DIFFERENCE, -amounts.rounding_difference),
    ]
    yield from _entries(account, EntryReason.INVOICE, cause, lines)


def payment_entries(account: Account, amount: Money, cause: Cause) -> Iterator[JournalEntry]:
    """A payment: debit clearing, credit wallet (prepaid) or receivable (postpaid)."""
    credited = (
        LedgerAccountKind.WALLET
        if account.mode == PaymentMode.PREPAID
        else LedgerAccountKind.RECEIVABLE
    )
    lines = [(LedgerAccountKind.CLEARING, amount), (credited, -amount)]
    yield from _entries(account, EntryReason.PAYMENT, cause, lines)


def _entries(
    account: Account, reason: EntryReason, cause: Cause, lines: list[_Line]
) -> Iterator[JournalEntry]:
    """The entry with these lines, less those at zero; no entry when no money moves."""
    for _, amount in lines:
        account.require_currency(amount)
    postings = tuple(_posting(account, kind, amount) for kind, amount in lines if amount.micros)
    if postings:
        yield JournalEntry(reason, cause.reference, cause.actor, postings, cause.source)


def _posting(account: Account, kind: LedgerAccountKind, amount: Money) -> Posting:
    account_id = account.account_id if kind in KINDS_OF_ACCOUNTS else ""
    return Posting(int(kind), account_id, amount.currency, amount.micros)

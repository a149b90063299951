"""The expected failures of adjustments; their reasons never change their meaning."""

from collections.abc import Sequence

from kernel.errors import DomainError, ErrorKind, FieldViolation
from kernel.money import Money
from services.payment.domain.errors import broken_rules, precondition


def invalid_adjustment(violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_ADJUSTMENT: fields of the request break their rules."""
    return broken_rules("INVALID_ADJUSTMENT", "the adjustment cannot be made", violations)


def adjustment_not_found(adjustment_id: str) -> DomainError:
    """ADJUSTMENT_NOT_FOUND: the tenant has no adjustment with this id."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "ADJUSTMENT_NOT_FOUND",
        f"adjustment {adjustment_id!r} does not exist; ListAdjustments shows those that do",
        {"adjustment_id": adjustment_id},
    )


def no_wallet(account_id: str) -> DomainError:
    """NO_WALLET: the account is paid for after use, so that no money is kept for it."""
    return precondition(
        "NO_WALLET",
        f"account {account_id!r} is postpaid and has no wallet; name a prepaid account",
        account_id=account_id,
    )


def legal_entity_mismatch(account_id: str, counter_account_id: str) -> DomainError:
    """LEGAL_ENTITY_MISMATCH: two legal entities owe their customers' money each by itself."""
    return precondition(
        "LEGAL_ENTITY_MISMATCH",
        f"accounts {account_id!r} and {counter_account_id!r} are of different legal entities; "
        "refund the one and record a payment for the other",
        account_id=account_id,
        counter_account_id=counter_account_id,
    )


def same_account(account_id: str) -> DomainError:
    """SAME_ACCOUNT: money is not moved to where it is."""
    return precondition(
        "SAME_ACCOUNT",
        f"account {account_id!r} is on both sides; name another account",
        account_id=account_id,
    )


def same_currency(currency: str) -> DomainError:
    """SAME_CURRENCY: money is not exchanged into its own currency."""
    return precondition(
        "SAME_CURRENCY",
        f"both accounts are in {currency}; transfer the money instead",
        currency=currency,
    )


def debt_exceeded(account_id: str, debt: Money) -> DomainError:
    """DEBT_EXCEEDED: more would be written off than is owed."""
    return precondition(
        "DEBT_EXCEEDED",
        f"account {account_id!r} owes {debt.micros} micros of {debt.currency}; "
        "write off at most that",
        account_id=account_id,
        debt_micros=str(debt.micros),
    )


def entry_not_found(journal_entry_id: str) -> DomainError:
    """ENTRY_NOT_FOUND: the tenant's journal has no entry with this id."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "ENTRY_NOT_FOUND",
        f"journal entry {journal_entry_id!r} does not exist; ListJournalEntries shows those that "
        "do",
        {"journal_entry_id": journal_entry_id},
    )


def entry_not_correctable(journal_entry_id: str, reason: str) -> DomainError:
    """ENTRY_NOT_CORRECTABLE: what caused the entry has to be corrected, and posts by itself."""
    return precondition(
        "ENTRY_NOT_CORRECTABLE",
        f"journal entry {journal_entry_id!r} is of {reason}; correct a charge in rating, an "
        "invoice by a credit note, and a correction by doing again what it took back",
        journal_entry_id=journal_entry_id,
        reason=reason,
    )


def entry_corrected(journal_entry_id: str) -> DomainError:
    """ENTRY_CORRECTED: another correction has taken this entry back."""
    return precondition(
        "ENTRY_CORRECTED",
        f"journal entry {journal_entry_id!r} was corrected before; nothing is left to take back",
        journal_entry_id=journal_entry_id,
    )


def promotion_spent(promotion_id: str) -> DomainError:
    """PROMOTION_SPENT: some of the promotional credit is gone, so that it cannot be taken back."""
    return precondition(
        "PROMOTION_SPENT",
        f"promotional credit {promotion_id!r} was spent or has expired in part; it cannot be taken "
        "back any more",
        promotion_id=promotion_id,
    )

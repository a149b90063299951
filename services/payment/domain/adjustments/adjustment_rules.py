"""The posting rules of adjustments: which ledger accounts each of them debits and credits."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from kernel.money import Money
from services.payment.domain.adjustments.adjustment_errors import (
    debt_exceeded,
    legal_entity_mismatch,
    no_wallet,
    same_account,
    same_currency,
)
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.domain.ledger.balance import Balance
from services.payment.domain.ledger.entries import (
    KINDS_OF_ACCOUNTS,
    EntryReason,
    JournalEntry,
    LedgerAccountKind,
    Posting,
    sums_by_ledger_account,
)
from services.payment.domain.ledger.hash_chain import Chain
from services.payment.domain.ledger.posting_rules import Cause

Entries = Mapping[Chain, list[JournalEntry]]

# A ledger account of an account's books, and what it is debited; a credit is negative.
_Line = tuple[Account, LedgerAccountKind, Money]


def promotion_entries(account: Account, amount: Money, cause: Cause) -> Entries:
    """Promotional credit: debit promotion expense, credit promotion."""
    lines = _movement(account, LedgerAccountKind.PROMOTION_EXPENSE, amount, _PROMOTION)
    return _entries(EntryReason.PROMOTION, cause, lines)


def expiry_entries(account: Account, amount: Money, cause: Cause) -> Entries:
    """Credit that was not spent in time: what its grant did, the other way round."""
    lines = _movement(account, _PROMOTION, amount, LedgerAccountKind.PROMOTION_EXPENSE)
    return _entries(EntryReason.PROMOTION_EXPIRY, cause, lines)


def refund_entries(account: Account, amount: Money, cause: Cause) -> Entries:
    """Money back to the payer: debit wallet (prepaid) or receivable (postpaid), credit clearing."""
    lines = _movement(account, _paid_kind(account), amount, LedgerAccountKind.CLEARING)
    return _entries(EntryReason.REFUND, cause, lines)


def write_off_entries(account: Account, amount: Money, cause: Cause, balance: Balance) -> Entries:
    """A debt given up: debit write-off, credit receivable (postpaid) or an overdrawn wallet.

    Raises:
        DomainError: DEBT_EXCEEDED.
    """
    account.require_currency(amount)
    debt = _debt(account, balance)
    if amount.micros > debt.micros:
        raise debt_exceeded(account.account_id, debt)
    lines = _movement(account, LedgerAccountKind.WRITE_OFF, amount, _paid_kind(account))
    return _entries(EntryReason.WRITE_OFF, cause, lines)


def transfer_entries(giver: Account, taker: Account, amount: Money, cause: Cause) -> Entries:
    """From one wallet to another, through transfer clearing where their chains differ.

    Raises:
        DomainError: SAME_ACCOUNT, NO_WALLET, LEGAL_ENTITY_MISMATCH, CURRENCY_MISMATCH.
    """
    _require_wallets(giver, taker)
    through = LedgerAccountKind.TRANSFER_CLEARING
    given = _movement(giver, _WALLET, amount, through)
    taken = _movement(taker, through, amount, _WALLET)
    return _entries(EntryReason.TRANSFER, cause, [*given, *taken])


def exchange_entries(
    giver: Account, taker: Account, sold: Money, bought: Money, cause: Cause
) -> Entries:
    """From one wallet to another of another currency, each currency against exchange.

    Raises:
        DomainError: those of `transfer_entries`, SAME_CURRENCY.
    """
    _require_wallets(giver, taker)
    if giver.currency == taker.currency:
        raise same_currency(giver.currency)
    through = LedgerAccountKind.EXCHANGE
    given = _movement(giver, _WALLET, sold, through)
    taken = _movement(taker, through, bought, _WALLET)
    return _entries(EntryReason.EXCHANGE, cause, [*given, *taken])


def own_money(account: Account, balance: Balance) -> Money:
    """What was paid and not used up: neither promotional credit nor what may be owed."""
    if account.mode == PaymentMode.PREPAID:
        return balance.wallet
    return -balance.receivable - balance.unbilled


def _debt(account: Account, balance: Balance) -> Money:
    """What is owed and due: invoiced and not paid, or used above what was paid in."""
    owed = -balance.wallet if account.mode == PaymentMode.PREPAID else balance.receivable
    return Money(owed.currency, max(owed.micros, 0))


def _movement(
    account: Account, debited: LedgerAccountKind, amount: Money, credited: LedgerAccountKind
) -> list[_Line]:
    account.require_currency(amount)
    return [(account, debited, amount), (account, credited, -amount)]


def _entries(reason: EntryReason, cause: Cause, lines: Iterable[_Line]) -> Entries:
    """An entry for each chain that the lines belong to; what cancels out within it is left out."""
    postings: dict[Chain, list[Posting]] = defaultdict(list)
    for account, kind, amount in lines:
        account_id = account.account_id if kind in KINDS_OF_ACCOUNTS else ""
        posting = Posting(int(kind), account_id, amount.currency, amount.micros)
        postings[account.chain].append(posting)
    return {
        chain: [JournalEntry(reason, cause.reference, cause.actor, _merged(of_chain))]
        for chain, of_chain in postings.items()
    }


def _merged(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    sums = sums_by_ledger_account(postings).items()
    return tuple(
        Posting(kind, account_id, currency, micros)
        for (account_id, currency, kind), micros in sums
        if micros
    )


def _paid_kind(account: Account) -> LedgerAccountKind:
    """The ledger account that the account's payments are credited to."""
    return _WALLET if account.mode == PaymentMode.PREPAID else LedgerAccountKind.RECEIVABLE


def _require_wallets(giver: Account, taker: Account) -> None:
    if giver == taker:
        raise same_account(giver.account_id)
    for account in (giver, taker):
        if account.mode != PaymentMode.PREPAID:
            raise no_wallet(account.account_id)
    if giver.legal_entity_id != taker.legal_entity_id:
        raise legal_entity_mismatch(giver.account_id, taker.account_id)


_WALLET = LedgerAccountKind.WALLET
_PROMOTION = LedgerAccountKind.PROMOTION

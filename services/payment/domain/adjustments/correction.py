"""Corrections: what takes an entry back, and which entries can be taken back."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from kernel.money import Money
from services.payment.domain.adjustments.adjustment import Order
from services.payment.domain.adjustments.adjustment_errors import entry_not_correctable
from services.payment.domain.ledger.entries import EntryReason, JournalEntry, Posting
from services.payment.domain.ledger.hash_chain import Chain, ChainedEntry

# What people did. Usage and invoices are corrected where they come from, and post by themselves.
CORRECTABLE = frozenset(
    {
        EntryReason.PAYMENT,
        EntryReason.PROMOTION,
        EntryReason.TRANSFER,
        EntryReason.REFUND,
        EntryReason.WRITE_OFF,
        EntryReason.EXCHANGE,
    }
)
# From one wallet to another.
MOVES = frozenset({EntryReason.TRANSFER, EntryReason.EXCHANGE})

Placed = tuple[Chain, ChainedEntry]


def require_correctable(entry: ChainedEntry) -> None:
    """Refuse an entry that something else posts: ENTRY_NOT_CORRECTABLE."""
    if entry.reason not in CORRECTABLE:
        reason = EntryReason(entry.reason).name
        raise entry_not_correctable(str(entry.journal_entry_id), reason)


def correction_entries(
    originals: Iterable[Placed], actor: str
) -> Mapping[Chain, list[JournalEntry]]:
    """For each entry one in its chain that names it and has its signs turned."""
    return {
        chain: [
            JournalEntry(
                EntryReason.CORRECTION,
                reference=str(entry.journal_entry_id),
                actor=actor,
                postings=tuple(_turned(posting) for posting in entry.postings),
            )
        ]
        for chain, entry in originals
    }


def correction_order(
    adjustment_id: str, originals: Sequence[Placed], note: str, actor: str
) -> tuple[Order, Money | None]:
    """What is ordered by a correction, and the amount of the other account if there is one."""
    first, *others = _lines_of_accounts(originals)
    counter = others[0] if others else None
    order = Order(
        adjustment_id,
        first.account_id,
        Money(first.currency, abs(first.micros)),
        note,
        actor,
        counter.account_id if counter else "",
    )
    return order, Money(counter.currency, abs(counter.micros)) if counter else None


def taken_back(originals: Iterable[Placed]) -> dict[str, int]:
    """By account, in their order, the micros that it loses when these entries are taken back.

    A debt that was written off comes back as it was: nobody loses what he had.
    """
    given = [placed for placed in originals if placed[1].reason != EntryReason.WRITE_OFF]
    gained: dict[str, int] = defaultdict(int)
    for line in _lines_of_accounts(given):
        gained[line.account_id] -= line.micros
    return {account_id: micros for account_id, micros in sorted(gained.items()) if micros > 0}


def _lines_of_accounts(originals: Iterable[Placed]) -> Iterator[Posting]:
    """The postings that are some account's, one for each account in what people do."""
    for _, entry in originals:
        yield from (posting for posting in entry.postings if posting.account_id)


def _turned(posting: Posting) -> Posting:
    return posting._replace(micros=-posting.micros)

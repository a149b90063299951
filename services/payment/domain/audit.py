"""The audit of the ledger: everything recomputed from the stored entries, nothing believed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from services.payment.domain.hash_chain import ChainedEntry, ChainHead, broken_link
from services.payment.domain.ledger import (
    KINDS_OF_ACCOUNTS,
    EntryReason,
    EventSource,
    LedgerAccountKey,
    LedgerAccountKind,
    Posting,
    sums_by_currency,
)
from services.payment.domain.merkle import merkle_root

Micros = dict[str, int]  # by currency


def _no_micros() -> Micros:
    return defaultdict(int)


@dataclass(slots=True)
class TenantSums:
    """The sums of one tenant, in micros of each currency."""

    usage: Micros = field(default_factory=_no_micros)
    rounding: Micros = field(default_factory=_no_micros)
    invoiced: Micros = field(default_factory=_no_micros)
    payments: Micros = field(default_factory=_no_micros)

    def add(self, reason: int, posting: Posting) -> None:
        """Add a posting to the sum that it belongs to, if it belongs to one."""
        kind = posting.kind
        if reason == EntryReason.USAGE and kind in KINDS_OF_ACCOUNTS:
            self.usage[posting.currency] += posting.micros
        elif reason == EntryReason.INVOICE and kind == LedgerAccountKind.RECEIVABLE:
            self.invoiced[posting.currency] += posting.micros
        elif kind == LedgerAccountKind.ROUNDING_DIFFERENCE:
            self.rounding[posting.currency] += posting.micros
        elif kind == LedgerAccountKind.CLEARING:
            self.payments[posting.currency] += posting.micros


@dataclass(frozen=True, slots=True)
class Watermarks:
    """Up to where each producer's log counts; a log that is not named counts whole."""

    sequences: Mapping[tuple[str, int], int]

    def include(self, source: EventSource | None) -> bool:
        """Whether what this event caused counts."""
        if source is None:
            return True
        last = self.sequences.get((source.producer, source.partition))
        return last is None or source.sequence <= last


class LedgerAudit:
    """Walks chain after chain and gathers what it finds."""

    def __init__(self, watermarks: Watermarks) -> None:
        self._watermarks = watermarks
        self._leaves: list[bytes] = []
        self.sums: dict[str, TenantSums] = defaultdict(TenantSums)
        self.findings: list[str] = []
        self.unbalanced_count = 0
        self.entry_count = 0
        self.posting_count = 0

    @property
    def root(self) -> bytes:
        """The Merkle root over the chains walked, in the order in which they were."""
        return merkle_root(self._leaves)

    def walk(
        self,
        recorded: ChainHead,
        entries: Iterable[ChainedEntry],
        kept_balances: Mapping[LedgerAccountKey, int],
    ) -> None:
        """Recompute a chain and compare it with its recorded head and its kept balances."""
        head = ChainHead.genesis(recorded.chain)
        fault = ""
        balances: dict[LedgerAccountKey, int] = defaultdict(int)
        for entry in entries:
            fault = fault or broken_link(head, entry)
            head = head.after(entry)
            self._count(recorded.chain.tenant_id, entry)
            for posting in entry.postings:
                balances[posting.account_id, posting.currency, posting.kind] += posting.micros
        self._leaves.append(head.leaf())
        faults = [fault or _broken_end(recorded, head), *_drift(balances, kept_balances)]
        self.findings += [f"{recorded.chain}: {found}" for found in faults if found]

    def compare_counts(self, entry_count: int, posting_count: int) -> None:
        """Compare what was walked with what is stored: nothing may stand outside the chains."""
        if entry_count != self.entry_count:
            self.findings.append(f"{entry_count} entries are stored, {self.entry_count} chained")
        if posting_count != self.posting_count:
            self.findings.append(
                f"{posting_count} postings are stored, {self.posting_count} belong to entries"
            )

    def _count(self, tenant_id: str, entry: ChainedEntry) -> None:
        self.entry_count += 1
        self.posting_count += len(entry.postings)
        self.unbalanced_count += any(sums_by_currency(entry.postings).values())
        if self._watermarks.include(entry.source):
            for posting in entry.postings:
                self.sums[tenant_id].add(entry.reason, posting)


def _broken_end(recorded: ChainHead, head: ChainHead) -> str:
    if head.sequence != recorded.sequence:
        return f"it ends at entry {head.sequence}, its head is entry {recorded.sequence}"
    return "" if head == recorded else "its head differs from its last entry"


def _drift(
    balances: Mapping[LedgerAccountKey, int], kept: Mapping[LedgerAccountKey, int]
) -> Iterator[str]:
    for key in sorted({*balances, *kept}):
        recomputed, balance = balances.get(key, 0), kept.get(key, 0)
        if recomputed != balance:
            yield f"ledger account {key} keeps {balance} micros, its postings sum to {recomputed}"

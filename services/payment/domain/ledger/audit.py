"""The audit of the ledger: everything recomputed from the stored entries, nothing believed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from services.payment.domain.ledger.entries import (
    KINDS_OF_ACCOUNTS,
    EntryReason,
    EventSource,
    LedgerAccountKey,
    LedgerAccountKind,
    Posting,
    sums_by_currency,
)
from services.payment.domain.ledger.hash_chain import Chain, ChainedEntry, ChainHead, broken_link
from services.payment.domain.ledger.merkle import merkle_root
from services.payment.domain.ledger.root_audit import RootAudit, StoredRoot

Micros = dict[str, int]  # by currency
PromotionKey = tuple[str, str, str]  # tenant, account, currency


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

    def __init__(self, watermarks: Watermarks, roots: Sequence[StoredRoot] = ()) -> None:
        self._watermarks = watermarks
        self._roots = RootAudit(roots)
        self._leaves: list[bytes] = []
        self._in_transfer: dict[tuple[str, str, str], int] = defaultdict(int)
        self._promotions: dict[PromotionKey, int] = defaultdict(int)
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
        roots = self._roots.walk(recorded.chain)
        for entry in entries:
            roots.add(entry)
            fault = fault or broken_link(head, entry)
            head = head.after(entry)
            self._count(recorded.chain.tenant_id, entry)
            for posting in entry.postings:
                balances[posting.account_id, posting.currency, posting.kind] += posting.micros
        roots.finish()
        self._leaves.append(head.leaf())
        self._note_sums(recorded.chain, balances)
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

    def compare_roots(self) -> None:
        """Compare the roots stored with those that the walked entries make."""
        self.findings += self._roots.findings()

    def compare_sums(self, promotions: Mapping[PromotionKey, int]) -> None:
        """Compare what is left of promotions with its postings; transfers must have arrived."""
        for key in sorted({*promotions, *self._promotions}):
            left, posted = promotions.get(key, 0), self._promotions.get(key, 0)
            if left != posted:
                self.findings.append(
                    f"promotions of {key} have {left} micros left, their postings sum to {posted}"
                )
        for books, micros in sorted(self._in_transfer.items()):
            if micros:
                self.findings.append(f"transfers within {books} are out by {micros} micros")

    def compare_held(
        self, kept: Mapping[tuple[str, str], int], holds: Mapping[tuple[str, str], int]
    ) -> None:
        """Compare what is kept as held of accounts with their open holds."""
        for key in sorted({*kept, *holds}):
            if (held := kept.get(key, 0)) != (sum_of_holds := holds.get(key, 0)):
                self.findings.append(
                    f"account {key} keeps {held} micros as held, its holds sum to {sum_of_holds}"
                )

    def compare_collections(self, unmatched: Iterable[tuple[str, str, int, int]]) -> None:
        """Note collections that received something else than their payments say."""
        for tenant_id, collection_id, received, paid in unmatched:
            self.findings.append(
                f"collection {(tenant_id, collection_id)} received {received} micros, "
                f"its payment has {paid}"
            )

    def _note_sums(self, chain: Chain, balances: Mapping[LedgerAccountKey, int]) -> None:
        for (account_id, currency, kind), micros in balances.items():
            if kind == LedgerAccountKind.PROMOTION:
                self._promotions[chain.tenant_id, account_id, currency] -= micros
            elif kind == LedgerAccountKind.TRANSFER_CLEARING:
                self._in_transfer[chain.tenant_id, chain.legal_entity_id, currency] += micros

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

"""Audits the whole ledger: every chain walked, every sum recomputed from the postings."""

from sqlalchemy import Connection

from services.payment.domain.ledger.audit import LedgerAudit, Watermarks
from services.payment.store.collections import unmatched_collections
from services.payment.store.entries import count_rows, recorded_heads, walk_chain
from services.payment.store.funds import kept_held
from services.payment.store.holds import sums_held
from services.payment.store.ledger_accounts import kept_balances
from services.payment.store.ledger_roots import all_roots
from services.payment.store.promotions import sums_left


def audit_ledger(connection: Connection, watermarks: Watermarks) -> LedgerAudit:
    """Walk the ledger of every tenant on one snapshot; findings are told, not raised."""
    audit = LedgerAudit(watermarks, all_roots(connection))
    for head in recorded_heads(connection):
        audit.walk(head, walk_chain(connection, head.chain), kept_balances(connection, head.chain))
    audit.compare_counts(*count_rows(connection))
    audit.compare_sums(sums_left(connection))
    audit.compare_held(kept_held(connection), sums_held(connection))
    audit.compare_collections(unmatched_collections(connection))
    audit.compare_roots()
    return audit

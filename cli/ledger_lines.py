"""The lines of an exported ledger, as docs/reference/ledger.md states them."""

import json
from typing import Any

from chassis.grpc.convert import money_from_proto
from tollbook.payment.v1 import ledger_pb2, ledger_root_pb2, ledger_root_service_pb2

VERSION = 1

Fields = dict[str, Any]


def written(fields: Fields) -> str:
    """A line as it stands in the file."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")) + "\n"


def first_line(tenant_id: str, start_micros: int, end_micros: int) -> Fields:
    """Whose books the file has, in which time."""
    return {
        "kind": "ledger",
        "version": VERSION,
        "tenant_id": tenant_id,
        "start_micros": start_micros,
        "end_micros": end_micros,
    }


def root_line(root: ledger_root_pb2.LedgerRoot) -> Fields:
    """A root with the tenant's chains."""
    chains = sorted(root.chains, key=lambda chain: (chain.legal_entity_id, chain.partition))
    return {
        "kind": "root",
        "start_micros": root.start_time.ToMicroseconds(),
        "end_micros": root.end_time.ToMicroseconds(),
        "chain_count": root.chain_count,
        "previous_root": root.previous_root,
        "tree_root": root.tree_root,
        "root": root.root,
        "chains": [_chain(chain) for chain in chains],
    }


def entry_line(entry: ledger_pb2.JournalEntry) -> Fields:
    """An entry of the journal."""
    return {
        "kind": "entry",
        "journal_entry_id": entry.journal_entry_id,
        "legal_entity_id": entry.legal_entity_id,
        "partition": entry.partition,
        "chain_sequence": entry.chain_sequence,
        "reason": int(entry.reason),
        "reference": entry.reference,
        "actor": entry.actor,
        "create_micros": entry.create_time.ToMicroseconds(),
        "source_producer": entry.source.producer,
        "source_partition": entry.source.partition,
        "source_sequence": entry.source.sequence,
        "postings": [_posting(posting) for posting in entry.postings],
        "hash": entry.hash,
    }


def balance_line(balance: ledger_root_pb2.LedgerAccountBalance) -> Fields:
    """What the postings of a ledger account sum to in the time."""
    return {
        "kind": "balance",
        "legal_entity_id": balance.legal_entity_id,
        "partition": balance.partition,
        "account_id": balance.account_id,
        "currency": balance.currency_code,
        "ledger_account": balance.ledger_account,
        "micros": balance.closing_micros - balance.opening_micros,
    }


def proof_line(proof: ledger_root_service_pb2.ProveEntryResponse) -> Fields:
    """What leads from an entry to a root."""
    return {
        "kind": "proof",
        "entry": entry_line(proof.journal_entry),
        "previous_hash": proof.previous_hash,
        "place": proof.place,
        "path": list(proof.path),
        "root": root_line(proof.ledger_root),
    }


def end_line(line_count: int) -> Fields:
    """How many lines there are, this one included."""
    return {"kind": "end", "line_count": line_count}


def _chain(chain: ledger_root_pb2.ChainRoot) -> Fields:
    return {
        "legal_entity_id": chain.legal_entity_id,
        "partition": chain.partition,
        "chain_sequence": chain.chain_sequence,
        "head_hash": chain.head_hash,
        "entry_count": chain.entry_count,
        "entries_root": chain.entries_root,
        "place": chain.place,
        "path": list(chain.path),
    }


def _posting(posting: ledger_pb2.Posting) -> Fields:
    amount = money_from_proto(posting.amount)
    return {
        "ledger_account": int(posting.ledger_account),
        "account_id": posting.account_id,
        "currency": amount.currency,
        "micros": amount.micros,
    }

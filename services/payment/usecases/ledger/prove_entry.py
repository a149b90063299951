"""Proves that an entry is under a root: by the neighbours on the way from the one to the other."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from kernel.ids import is_uuid
from services.payment.domain.adjustments.adjustment_errors import entry_not_found
from services.payment.domain.ledger.hash_chain import GENESIS_HASH
from services.payment.domain.ledger.ledger_root import ChainRoot
from services.payment.domain.ledger.merkle import MerkleTree
from services.payment.domain.ledger.root_audit import StoredRoot
from services.payment.domain.ledger.root_errors import ledger_root_not_found
from services.payment.store.entries import PlacedEntry, get_entry
from services.payment.store.ledger_roots import hashes_after, root_over


@dataclass(frozen=True, slots=True)
class EntryProof:
    """An entry, and what leads from its hash to a root."""

    placed: PlacedEntry
    previous_hash: bytes
    place: int
    path: list[bytes]
    root: StoredRoot


def prove_entry(connection: Connection, tenant_id: str, entry_id: str) -> EntryProof:
    """The proof under the first root that covers the entry.

    Raises:
        DomainError: ENTRY_NOT_FOUND, LEDGER_ROOT_NOT_FOUND.
    """
    if not is_uuid(entry_id):
        raise entry_not_found(entry_id)
    placed = get_entry(connection, tenant_id, UUID(entry_id))
    chain, entry = placed
    found = root_over(connection, entry.create_time)
    if found is None:
        raise ledger_root_not_found(f"entry {entry_id}")
    root, _ = found
    (covering,) = (each for each in root.chains if each.chain == chain)
    hashes = _hashes_around(connection, covering, root.end_time)
    place = entry.chain_sequence - (covering.sequence - covering.entry_count) - 1
    return EntryProof(placed, hashes[place], place, MerkleTree.of(hashes[1:]).path(place), found)


def _hashes_around(connection: Connection, covering: ChainRoot, end_time: datetime) -> list[bytes]:
    """The hash before the entries that a root covers, and theirs."""
    first = covering.sequence - covering.entry_count
    if not first:
        return [GENESIS_HASH, *hashes_after(connection, covering.chain, 0, end_time)]
    return hashes_after(connection, covering.chain, first - 1, end_time)

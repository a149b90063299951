"""Roots: one hash over everything that was written up to a moment, in a chain of roots.

Forms, version 1, of the same texts and numbers as in `hash_chain`, all hashes 32 bytes:

A chain's leaf under a root: text "tollbook.chain-root.1", text tenant, text legal entity, number
partition, number place of its newest entry, hash of that entry, number of entries written since
the root before, and the Merkle root over their hashes in the order of the chain. The leaves stand
in the order of tenant, legal entity and partition; a chain has one from its first entry on.

A root is SHA-256 over: text "tollbook.ledger-root.1", number start and number end of the time that
it covers (microseconds since 1970-01-01 UTC, the end is outside), number of chains, the root before
it (32 zero bytes before the first, which starts at 0), and the Merkle root over the leaves.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from kernel.clock import EPOCH, to_micros
from services.payment.domain.ledger.hash_chain import GENESIS_HASH, Chain, number_form, text_form
from services.payment.domain.ledger.merkle import MerkleTree, merkle_root

CHAIN_FORM = "tollbook.chain-root.1"
ROOT_FORM = "tollbook.ledger-root.1"
FIRST_START = EPOCH
NO_ROOT = bytes(32)


@dataclass(frozen=True, slots=True)
class ChainRoot:
    """How far a chain had come when a root was drawn, and what was added since the one before."""

    chain: Chain
    sequence: int
    head_hash: bytes
    entry_count: int
    entries_root: bytes

    @classmethod
    def before_first(cls, chain: Chain) -> "ChainRoot":
        """Where a chain that is under no root yet begins."""
        return cls(chain, 0, GENESIS_HASH, 0, merkle_root([]))

    def after(self, hashes: Sequence[bytes]) -> "ChainRoot":
        """The same chain under the next root, when entries with these hashes were added."""
        return ChainRoot(
            self.chain,
            self.sequence + len(hashes),
            hashes[-1] if hashes else self.head_hash,
            len(hashes),
            merkle_root(hashes),
        )

    def leaf(self) -> bytes:
        """The chain's leaf: see this module's head."""
        chain = self.chain
        names = text_form(CHAIN_FORM) + text_form(chain.tenant_id)
        place = text_form(chain.legal_entity_id) + number_form(chain.partition)
        head = number_form(self.sequence) + self.head_hash
        return names + place + head + number_form(self.entry_count) + self.entries_root


@dataclass(frozen=True)
class LedgerRoot:
    """A root over all chains, in the order of their leaves."""

    start_time: datetime
    end_time: datetime
    previous_root: bytes
    chains: tuple[ChainRoot, ...]
    signature: bytes = b""
    """Of the 32 bytes of the root, by Ed25519; empty without a key."""

    @cached_property
    def tree(self) -> MerkleTree:
        """The tree over the chains."""
        return MerkleTree.of([chain.leaf() for chain in self.chains])

    @cached_property
    def root(self) -> bytes:
        """The root: see this module's head."""
        span = number_form(to_micros(self.start_time)) + number_form(to_micros(self.end_time))
        count = number_form(len(self.chains))
        form = text_form(ROOT_FORM) + span + count + self.previous_root + self.tree.root
        return hashlib.sha256(form).digest()

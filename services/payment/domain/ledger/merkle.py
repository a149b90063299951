"""The Merkle tree hash of RFC 6962, section 2.1: one root for all chains, and short proofs."""

import hashlib
from collections.abc import Sequence
from typing import Self

# Different prefixes keep a leaf from being passed off as a node.
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"


class MerkleTree:
    """The hashes of a tree, level by level from the leaves to the root.

    A node without a neighbour goes up as it is, which makes the tree that the RFC cuts in halves.
    """

    def __init__(self, levels: Sequence[Sequence[bytes]]) -> None:
        self._levels = levels

    @classmethod
    def of(cls, leaves: Sequence[bytes]) -> Self:
        """The tree over leaves in their order."""
        levels = [[hashlib.sha256(LEAF_PREFIX + leaf).digest() for leaf in leaves]]
        while len(levels[-1]) > 1:
            levels.append(_parents(levels[-1]))
        return cls(levels)

    @property
    def root(self) -> bytes:
        """The root; of no leaves, the hash of nothing."""
        top = self._levels[-1]
        return top[0] if top else hashlib.sha256().digest()

    def path(self, place: int) -> list[bytes]:
        """What proves that a leaf stands in its place: the neighbours on its way to the root."""
        path = []
        for level in self._levels[:-1]:
            neighbour = place ^ 1
            if neighbour < len(level):
                path.append(level[neighbour])
            place >>= 1
        return path


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaves in their order; of no leaves, the hash of nothing."""
    return MerkleTree.of(leaves).root


def _parents(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    parents = [hashlib.sha256(NODE_PREFIX + left + right).digest() for left, right in pairs]
    return parents + list(level[len(parents) * 2 :])

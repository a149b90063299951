"""The Merkle tree hash of RFC 6962, section 2.1: one root for all chains."""

import hashlib
from collections.abc import Sequence

# Different prefixes keep a leaf from being passed off as a node.
LEAF_PREFIX = b"\x00"
NODE_PREFIX = b"\x01"


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaves in their order; of no leaves, the hash of nothing."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(LEAF_PREFIX + leaves[0]).digest()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    children = merkle_root(leaves[:split]) + merkle_root(leaves[split:])
    return hashlib.sha256(NODE_PREFIX + children).digest()

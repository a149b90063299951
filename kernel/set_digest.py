"""A digest of a set of items that does not depend on their order."""

from __future__ import annotations

import hashlib

DIGEST_BITS = 128

_MODULUS = 1 << DIGEST_BITS


class SetDigest:
    """The sum of the SHA-256 of every item, modulo 2¹²⁸.

    Parts of a set can be digested apart and their digests added. An item added twice counts twice.
    It proves that two honest services hold the same items; it is no defence against forged ones.
    """

    def __init__(self) -> None:
        self._sum = 0

    def add(self, item: bytes) -> None:
        """Takes one item into the set."""
        self._sum += int.from_bytes(hashlib.sha256(item).digest())

    def __add__(self, other: SetDigest) -> SetDigest:
        total = SetDigest()
        total._sum = self._sum + other._sum
        return total

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SetDigest) and self.hex() == other.hex()

    __hash__ = None  # type: ignore[assignment]  # it changes with every item

    def hex(self) -> str:
        """The digest as 32 hexadecimal digits; of the empty set all are 0."""
        return f"{self._sum % _MODULUS:032x}"

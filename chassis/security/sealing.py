"""Seals personal text with a key of the customer: whoever destroys the key has erased the text."""

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from chassis.security.authority import write_private_file

KEY_BYTES = 32
NONCE_BYTES = 12
# The first byte of everything sealed, so that another cipher can follow one day.
FORMAT = b"\x01"

_WRAPPING = b"tollbook data key"


class SealError(Exception):
    """Sealed bytes that this key cannot open: another key's, another place's, or damaged."""


class DataKey:
    """The key of one customer."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def seal(self, text: str, place: str) -> bytes:
        """Seal a text for one place (a customer's field), where alone it can be opened."""
        return _seal(self._cipher, text.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """The text. Raises SealError."""
        return _open(self._cipher, sealed, place.encode()).decode()


class MasterKey:
    """The key of the installation, which wraps the customers' keys and seals nothing else."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    @classmethod
    def read(cls, path: Path) -> "MasterKey":
        """Read the key from a file with 32 bytes in base64. Raises ValueError for anything else."""
        try:
            key = base64.b64decode(path.read_text().strip(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            raise ValueError(f"{path} is no master key: it needs {KEY_BYTES} bytes in base64")
        return cls(key)

    @staticmethod
    def create(path: Path) -> None:
        """Make a new key in a file that only its owner can read."""
        write_private_file(path, base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")

    def new_data_key(self, owner: str) -> bytes:
        """A new wrapped key for an owner (a tenant's customer). Store it; destroy it to erase."""
        return _seal(self._cipher, os.urandom(KEY_BYTES), _WRAPPING + owner.encode())

    def unwrap(self, wrapped: bytes, owner: str) -> DataKey:
        """The owner's key, ready for use. Raises SealError."""
        return DataKey(_open(self._cipher, wrapped, _WRAPPING + owner.encode()))


def _seal(cipher: AESGCM, content: bytes, place: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return FORMAT + nonce + cipher.encrypt(nonce, content, place)


def _open(cipher: AESGCM, sealed: bytes, place: bytes) -> bytes:
    if not sealed.startswith(FORMAT):
        raise SealError("these bytes were not sealed here")
    nonce, content = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return cipher.decrypt(nonce, content, place)
    except (InvalidTag, ValueError):
        raise SealError("the key, the place or the sealed bytes are not the right ones") from None

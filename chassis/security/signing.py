"""Signs what others hold against us: whoever has the public key can tell that it came from here."""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chassis.security.authority import write_private_file


class SigningKey:
    """An Ed25519 key (RFC 8032)."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def read(cls, path: Path) -> "SigningKey":
        """Read the key from a PEM file. Raises ValueError for anything else."""
        key = load_pem_private_key(path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} is no Ed25519 key: make one by openssl genpkey")
        return cls(key)

    @staticmethod
    def create(path: Path) -> None:
        """Make a new key in a file that only its owner can read."""
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        write_private_file(path, pem)

    def sign(self, content: bytes) -> bytes:
        """The signature of some bytes, 64 bytes."""
        return self._key.sign(content)

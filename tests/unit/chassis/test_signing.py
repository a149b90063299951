"""Signatures that others can check with nothing but the public key."""

from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from chassis.security.signing import SigningKey


def public_half(path: Path) -> Ed25519PublicKey:
    """What everybody may have of the key."""
    key = load_pem_private_key(path.read_bytes(), password=None).public_key()
    assert isinstance(key, Ed25519PublicKey)
    return key


def test_a_key_that_was_made_signs_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    """What it has signed is told from what it has not."""
    path = tmp_path / "ledger_key.pem"
    SigningKey.create(path)
    assert path.stat().st_mode & 0o077 == 0
    signature = SigningKey.read(path).sign(b"a root")
    public_half(path).verify(signature, b"a root")
    with pytest.raises(InvalidSignature):
        public_half(path).verify(signature, b"another root")


def of_another_kind() -> bytes:
    """A key that is whole, and no Ed25519 key."""
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    )


@pytest.mark.parametrize("content", [b"", b"no key", of_another_kind()], ids=range(3))
def test_what_is_no_key_stops_the_start(tmp_path: Path, content: bytes) -> None:
    """Rather than leaving roots without a signature that somebody counts on."""
    path = tmp_path / "ledger_key.pem"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"key|PEM|deserialize"):
        SigningKey.read(path)

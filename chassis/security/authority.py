"""A local authority for development and tests: makes a signing key and mints tokens with it."""

import base64
import hashlib
import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from chassis.security.tokens import ALGORITHM, AUDIENCE

ISSUER = "tollbook-local-authority"
SIGNING_KEY_FILE = "signing_key.pem"
TRUSTED_KEYS_FILE = "trusted_keys.json"
PRIVATE_FILE_MODE = 0o600
PRIVATE_FOLDER_MODE = 0o700


class LocalAuthority:
    """A signing key in a folder that only its owner can read, and the public key beside it."""

    def __init__(self, folder: Path, key: Ed25519PrivateKey) -> None:
        self.trusted_keys_file = folder / TRUSTED_KEYS_FILE
        self._key = key
        self._public = _encoded(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self._key_id = _thumbprint(self._public)

    @classmethod
    def open(cls, folder: Path) -> "LocalAuthority":
        """Open the authority of a folder; the first time, make it."""
        folder.mkdir(mode=PRIVATE_FOLDER_MODE, parents=True, exist_ok=True)
        key_file = folder / SIGNING_KEY_FILE
        if not key_file.exists():
            write_private_file(key_file, _pem(Ed25519PrivateKey.generate()))
        key = load_pem_private_key(key_file.read_bytes(), password=None)
        assert isinstance(key, Ed25519PrivateKey), f"{key_file} is not an Ed25519 key"
        authority = cls(folder, key)
        authority._publish()
        return authority

    def mint(
        self, subject: str, tenant_id: str, scopes: Iterable[str], lifetime_seconds: int
    ) -> str:
        """A token for a subject; the tenant `*` makes it a platform credential."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": subject,
            "tenant": tenant_id,
            "scopes": sorted(scopes),
            "iat": now,
            "exp": now + lifetime_seconds,
        }
        return jwt.encode(claims, self._key, algorithm=ALGORITHM, headers={"kid": self._key_id})

    def _publish(self) -> None:
        key = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": self._public,
            "kid": self._key_id,
            "use": "sig",
            "alg": ALGORITHM,
        }
        content = json.dumps({"keys": [key]}, indent=2)
        if not self.trusted_keys_file.exists() or self.trusted_keys_file.read_text() != content:
            self.trusted_keys_file.write_text(content)


def write_private_file(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read; never readable by others in between."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE_MODE)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def _pem(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _thumbprint(public: str) -> str:
    """The key's id, made from the key itself (RFC 7638)."""
    canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": public}, separators=(",", ":"))
    return _encoded(hashlib.sha256(canonical.encode()).digest())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()

"""Bearer tokens: JWTs signed with Ed25519 by a trusted authority, verified once and remembered."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt

from chassis.security import errors
from chassis.security.caller import Caller

ALGORITHM = "EdDSA"
AUDIENCE = "tollbook"
REQUIRED_CLAIMS = ["sub", "tenant", "scopes", "iss", "aud", "exp", "iat"]
CLOCK_LEEWAY_SECONDS = 30
TOKEN_CHARACTERS_MAX = 8_192
REMEMBERED_TOKENS_MAX = 4_096
# What a key has signed that was taken away is believed no longer than this.
KEYS_CHECK_SECONDS = 1.0


class TrustedKeys:
    """The public keys of a JWKS file, read again whenever the file changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_at = 0
        self._keys: dict[str, jwt.PyJWK] = {}

    @property
    def version(self) -> int:
        """Changes with the file, so that what an old key has signed is not believed for ever."""
        return self._path.stat().st_mtime_ns

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id, if it is trusted."""
        version = self.version
        if version != self._read_at:
            key_set = jwt.PyJWKSet.from_json(self._path.read_text(encoding="utf-8"))
            self._keys = {key.key_id: key for key in key_set.keys if key.key_id}
            self._read_at = version
        return self._keys.get(key_id)


class TokenVerifier:
    """Tells who a token speaks for."""

    def __init__(self, keys: TrustedKeys, now: Callable[[], float] = time.time) -> None:
        self._keys = keys
        self._now = now
        self._version = 0
        self._keys_checked_at = 0.0
        # Verifying costs as much as a small call; a token is the same for thousands of them.
        self._remembered: dict[str, tuple[Caller, int]] = {}

    def verify(self, token: str) -> Caller:
        """The caller. Raises UNAUTHENTICATED TOKEN_INVALID, TOKEN_EXPIRED."""
        now = self._now()
        if abs(now - self._keys_checked_at) >= KEYS_CHECK_SECONDS:
            self._forget_after_a_change_of_keys()
            self._keys_checked_at = now
        caller, expiry = self._remembered.get(token) or self._remember(token)
        if now > expiry + CLOCK_LEEWAY_SECONDS:
            raise errors.token_expired()
        return caller

    def _forget_after_a_change_of_keys(self) -> None:
        version = self._keys.version
        if version != self._version:
            self._remembered.clear()
            self._version = version

    def _remember(self, token: str) -> tuple[Caller, int]:
        if len(token) > TOKEN_CHARACTERS_MAX:
            raise errors.token_invalid("it is too long")
        known = self._remembered[token] = self._checked(token)
        if len(self._remembered) > REMEMBERED_TOKENS_MAX:
            del self._remembered[next(iter(self._remembered))]
        return known

    def _checked(self, token: str) -> tuple[Caller, int]:
        try:
            claims = self._decoded(token)
        except jwt.ImmatureSignatureError:
            raise errors.token_invalid("it is not valid yet") from None
        except jwt.PyJWTError as error:
            raise errors.token_invalid(str(error)) from None
        tenant, scopes, expiry = claims["tenant"], claims["scopes"], claims["exp"]
        if not isinstance(tenant, str) or not tenant or not _are_words(scopes):
            raise errors.token_invalid("tenant must be a text and scopes a list of texts")
        if not isinstance(expiry, int):
            raise errors.token_invalid("exp must be a number of seconds")
        return Caller(claims["sub"], tenant, frozenset(scopes)), expiry

    def _decoded(self, token: str) -> dict[str, Any]:
        key = self._keys.find(str(jwt.get_unverified_header(token).get("kid", "")))
        if key is None:
            raise jwt.InvalidKeyError("its key is not trusted here")
        # Expiry is checked at every use, by verify.
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            leeway=CLOCK_LEEWAY_SECONDS,
            options={"require": REQUIRED_CLAIMS, "verify_exp": False},
        )
        return claims


def _are_words(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(word, str) for word in value)

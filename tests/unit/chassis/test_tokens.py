"""A token is believed when a trusted key has signed it, for us, and it has not run out."""

import json
import stat
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chassis.security import tokens
from chassis.security.authority import LocalAuthority
from chassis.security.caller import Caller
from chassis.security.tokens import (
    CLOCK_LEEWAY_SECONDS,
    KEYS_CHECK_SECONDS,
    TokenVerifier,
    TrustedKeys,
)
from kernel.errors import DomainError

HOUR_SECONDS = 3_600
GOOD = {"sub": "s", "tenant": "acme", "scopes": ["a"], "iss": "i", "aud": "tollbook"}


@pytest.fixture
def authority(tmp_path: Path) -> LocalAuthority:
    return LocalAuthority.open(tmp_path)


@pytest.fixture
def verifier(authority: LocalAuthority) -> TokenVerifier:
    return TokenVerifier(TrustedKeys(authority.trusted_keys_file))


def refusal(verifier: TokenVerifier, token: str) -> str:
    with pytest.raises(DomainError) as caught:
        verifier.verify(token)
    return caught.value.reason


def test_a_token_tells_who_calls(authority: LocalAuthority, verifier: TokenVerifier) -> None:
    """Subject, tenant and scopes are as the authority wrote them."""
    token = authority.mint("rating", "*", ["payment.hold", "payment.read"], HOUR_SECONDS)
    expected = Caller("rating", "*", frozenset({"payment.hold", "payment.read"}))
    assert verifier.verify(token) == expected
    assert verifier.verify(token).is_platform


def test_an_authority_keeps_its_key(tmp_path: Path, authority: LocalAuthority) -> None:
    """A second start trusts the tokens of the first, and others cannot read the key."""
    token = authority.mint("s", "acme", [], HOUR_SECONDS)
    again = LocalAuthority.open(tmp_path)
    TokenVerifier(TrustedKeys(again.trusted_keys_file)).verify(token)
    assert stat.S_IMODE((tmp_path / "signing_key.pem").stat().st_mode) == 0o600
    assert "PRIVATE" not in authority.trusted_keys_file.read_text()
    assert '"d"' not in authority.trusted_keys_file.read_text()


def test_a_remembered_token_still_expires(authority: LocalAuthority) -> None:
    """Remembering saves the signature check, not the clock."""
    clock = [time.time()]
    verifier = TokenVerifier(TrustedKeys(authority.trusted_keys_file), now=lambda: clock[0])
    token = authority.mint("s", "acme", [], HOUR_SECONDS)
    verifier.verify(token)
    clock[0] += HOUR_SECONDS + CLOCK_LEEWAY_SECONDS - 5
    verifier.verify(token)
    clock[0] += 10
    assert refusal(verifier, token) == "TOKEN_EXPIRED"


def test_a_key_no_longer_trusted_ends_its_tokens(authority: LocalAuthority) -> None:
    """Taking a key out of the file works within a second, for remembered tokens too."""
    clock = [time.time()]
    verifier = TokenVerifier(TrustedKeys(authority.trusted_keys_file), now=lambda: clock[0])
    token = authority.mint("s", "acme", [], HOUR_SECONDS)
    verifier.verify(token)
    authority.trusted_keys_file.write_text(json.dumps({"keys": [stranger_jwk()]}))
    clock[0] += KEYS_CHECK_SECONDS
    assert refusal(verifier, token) == "TOKEN_INVALID"


def test_only_so_many_tokens_are_remembered(
    authority: LocalAuthority, verifier: TokenVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood of tokens fills no memory."""
    monkeypatch.setattr(tokens, "REMEMBERED_TOKENS_MAX", 3)
    for number in range(5):
        verifier.verify(authority.mint(f"s{number}", "acme", [], HOUR_SECONDS))
    assert len(verifier._remembered) == 3


@pytest.mark.parametrize("missing", ["sub", "tenant", "scopes", "iss", "aud", "exp", "iat"])
def test_a_token_lacks_no_claim(tmp_path: Path, missing: str) -> None:
    """Without each of them it does not say enough."""
    claims = {**GOOD, "iat": int(time.time()), "exp": int(time.time()) + HOUR_SECONDS}
    del claims[missing]
    assert refusal_of_claims(tmp_path, claims) == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "altered",
    [
        {"aud": "somebody-else"},
        {"tenant": ""},
        {"tenant": 7},
        {"scopes": "fraud.read"},
        {"scopes": [1]},
        {"iat": int(time.time()) + HOUR_SECONDS},
        {"nbf": int(time.time()) + HOUR_SECONDS},
        {"exp": "soon"},
    ],
)
def test_a_token_of_the_wrong_shape_is_refused(tmp_path: Path, altered: dict[str, Any]) -> None:
    """Even when a trusted key has signed it."""
    claims = {**GOOD, "iat": int(time.time()), "exp": int(time.time()) + HOUR_SECONDS, **altered}
    assert refusal_of_claims(tmp_path, claims) == "TOKEN_INVALID"


def test_the_public_key_cannot_sign_as_a_shared_secret(
    authority: LocalAuthority, verifier: TokenVerifier
) -> None:
    """Neither 'none' nor a MAC made with the published key passes for a signature."""
    key = json.loads(authority.trusted_keys_file.read_text())["keys"][0]
    claims = {**GOOD, "iat": int(time.time()), "exp": int(time.time()) + HOUR_SECONDS}
    headers = {"kid": key["kid"]}
    forged = jwt.encode(claims, key["x"].encode(), algorithm="HS256", headers=headers)
    unsigned = jwt.encode(claims, "", algorithm="none", headers=headers)
    assert refusal(verifier, forged) == "TOKEN_INVALID"
    assert refusal(verifier, unsigned) == "TOKEN_INVALID"


def test_an_endless_token_is_refused(verifier: TokenVerifier) -> None:
    """Before anything is computed with it."""
    assert refusal(verifier, "a" * 10_000) == "TOKEN_INVALID"


def stranger_jwk() -> dict[str, Any]:
    return jwk_of(Ed25519PrivateKey.generate())


def jwk_of(key: Ed25519PrivateKey) -> dict[str, Any]:
    public = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**public, "kid": "k1", "alg": "EdDSA"}


def refusal_of_claims(folder: Path, claims: dict[str, Any]) -> str:
    """How claims signed by a trusted key are refused."""
    key, path = Ed25519PrivateKey.generate(), folder / "keys.json"
    path.write_text(json.dumps({"keys": [jwk_of(key)]}))
    token = jwt.encode(claims, key, algorithm="EdDSA", headers={"kid": "k1"})
    return refusal(TokenVerifier(TrustedKeys(path)), token)

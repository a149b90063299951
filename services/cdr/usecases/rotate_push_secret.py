"""Makes the credential with which a switch pushes its records."""

import hashlib
import secrets
from dataclasses import replace
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from services.cdr.store.sources import change_source, get_source

SECRET_BYTES = 32


class PushCredential(NamedTuple):
    """HTTP Basic user and secret."""

    user: str
    secret: str


def rotate_push_secret(uow: UnitOfWork, tenant_id: str, source_id: str) -> PushCredential:
    """Replace the secret of a source; the former one stops working at once.

    Raises SOURCE_NOT_FOUND and ETAG_MISMATCH.
    """
    source = get_source(uow.connection, tenant_id, source_id)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    change_source(
        uow.connection,
        replace(source, push_secret_digest=digest_secret(secret), version=source.version + 1),
    )
    return PushCredential(f"{tenant_id}.{source.code}", secret)


def digest_secret(secret: str) -> bytes:
    """What is stored of a secret. It is random and long, so a plain digest cannot be guessed."""
    return hashlib.sha256(secret.encode()).digest()

"""The refusals of the access check, each with its stable reason."""

from kernel.errors import DomainError, ErrorKind


def credential_missing() -> DomainError:
    """UNAUTHENTICATED CREDENTIAL_MISSING."""
    return DomainError(
        ErrorKind.UNAUTHENTICATED,
        "CREDENTIAL_MISSING",
        "the call carries no credential; send the metadata 'authorization: Bearer <token>'",
    )


def token_invalid(why: str) -> DomainError:
    """UNAUTHENTICATED TOKEN_INVALID."""
    return DomainError(
        ErrorKind.UNAUTHENTICATED,
        "TOKEN_INVALID",
        f"the bearer token cannot be accepted ({why}); ask the authority for a new one",
        {"why": why},
    )


def token_expired() -> DomainError:
    """UNAUTHENTICATED TOKEN_EXPIRED."""
    return DomainError(
        ErrorKind.UNAUTHENTICATED,
        "TOKEN_EXPIRED",
        "the bearer token has expired; ask the authority for a new one",
    )


def scope_missing(subject: str, scope: str) -> DomainError:
    """PERMISSION_DENIED SCOPE_MISSING."""
    return DomainError(
        ErrorKind.PERMISSION_DENIED,
        "SCOPE_MISSING",
        f"{subject} lacks the scope {scope} that this method asks for; have it granted",
        {"subject": subject, "scope": scope},
    )


def tenant_mismatch(own: str, named: str) -> DomainError:
    """PERMISSION_DENIED TENANT_MISMATCH."""
    return DomainError(
        ErrorKind.PERMISSION_DENIED,
        "TENANT_MISMATCH",
        f"a credential of tenant {own} cannot act for tenant {named}",
        {"tenant": own, "named_tenant": named},
    )


def platform_credential_required(subject: str) -> DomainError:
    """PERMISSION_DENIED PLATFORM_CREDENTIAL_REQUIRED."""
    return DomainError(
        ErrorKind.PERMISSION_DENIED,
        "PLATFORM_CREDENTIAL_REQUIRED",
        f"this method spans tenants and {subject} belongs to one; use a platform credential",
        {"subject": subject},
    )


def tenant_required() -> DomainError:
    """INVALID_ARGUMENT TENANT_REQUIRED."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "TENANT_REQUIRED",
        "a platform credential names the tenant it acts for in the metadata 'tollbook-tenant'",
    )


def tenant_malformed(named: str) -> DomainError:
    """INVALID_ARGUMENT TENANT_MALFORMED."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "TENANT_MALFORMED",
        f"{named!r} is no tenant: a tenant id has 1 to 32 lower-case letters, digits and '-'",
        {"named_tenant": named},
    )

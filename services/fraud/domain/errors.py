"""The expected failures of fraud, each with its stable reason."""

from kernel.errors import DomainError, ErrorKind, FieldViolation


def invalid_rule(violation: FieldViolation) -> DomainError:
    """INVALID_FRAUD_RULE: a limit that the kind needs is missing, or one that it has no use for."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_FRAUD_RULE",
        f"{violation.field}: {violation.description}",
        {"field": violation.field},
        [violation],
    )


def invalid_field(field: str, description: str) -> DomainError:
    """INVALID_FIELD: a field of a request is missing or out of its range."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_FIELD",
        f"{field}: {description}",
        {"field": field},
        [FieldViolation(field, description)],
    )


def rule_not_found(fraud_rule_id: str) -> DomainError:
    """FRAUD_RULE_NOT_FOUND: the tenant has no such rule."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "FRAUD_RULE_NOT_FOUND",
        f"there is no fraud rule {fraud_rule_id}; ListFraudRules names those there are",
        {"fraud_rule_id": fraud_rule_id},
    )


def rule_exists(fraud_rule_id: str) -> DomainError:
    """FRAUD_RULE_EXISTS: the id that the creator chose is taken."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "FRAUD_RULE_EXISTS",
        f"there is a fraud rule {fraud_rule_id} already; update it or choose another id",
        {"fraud_rule_id": fraud_rule_id},
    )


def too_many_rules(limit: int) -> DomainError:
    """TOO_MANY_FRAUD_RULES: every call is held against every rule, so their number is bounded."""
    return DomainError(
        ErrorKind.RESOURCE_EXHAUSTED,
        "TOO_MANY_FRAUD_RULES",
        f"a tenant has at most {limit} fraud rules; change one that is there",
        {"limit": str(limit)},
    )


def etag_mismatch(fraud_rule_id: str, etag: str) -> DomainError:
    """ETAG_MISMATCH: somebody else changed the rule since it was read."""
    return DomainError(
        ErrorKind.ABORTED,
        "ETAG_MISMATCH",
        f"fraud rule {fraud_rule_id} is no longer at etag {etag!r}; read it and change it again",
        {"fraud_rule_id": fraud_rule_id, "etag": etag},
    )


def account_not_blocked(account_id: str) -> DomainError:
    """ACCOUNT_NOT_BLOCKED: there is no block to lift."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "ACCOUNT_NOT_BLOCKED",
        f"account {account_id} is not blocked",
        {"account_id": account_id},
    )

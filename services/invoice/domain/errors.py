"""The expected failures of this service, each with a reason that never changes its meaning."""

from datetime import datetime

from kernel.errors import DomainError, ErrorKind, FieldViolation


def invalid_fields(violations: list[FieldViolation]) -> DomainError:
    """INVALID_ARGUMENT INVALID_FIELDS: every broken rule of a request at once."""
    told = "; ".join(f"{each.field}: {each.description}" for each in violations)
    return DomainError(ErrorKind.INVALID_ARGUMENT, "INVALID_FIELDS", told, {}, violations)


def not_found(what: str, key: str) -> DomainError:
    """NOT_FOUND <WHAT>_NOT_FOUND, e.g. ACCOUNT_NOT_FOUND."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        f"{_upper(what)}_NOT_FOUND",
        f"there is no {what} {key!r} in this tenant; list them to see which there are",
        {_lower(what): key},
    )


def exists(what: str, key: str) -> DomainError:
    """ALREADY_EXISTS <WHAT>_EXISTS, e.g. CUSTOMER_EXISTS."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        f"{_upper(what)}_EXISTS",
        f"there is a {what} {key!r} already; choose another, or use that one",
        {_lower(what): key},
    )


def taken(what: str, value: str) -> DomainError:
    """ALREADY_EXISTS <WHAT>_TAKEN: a text that must be unique, e.g. ACCOUNT_CODE_TAKEN."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        f"{_upper(what)}_TAKEN",
        f"the {what} {value!r} is in use in this tenant; choose another",
        {_lower(what): value},
    )


def line_overlaps(identifier: str, line_id: str) -> DomainError:
    """FAILED_PRECONDITION LINE_OVERLAPS: a call would find two accounts."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "LINE_OVERLAPS",
        f"{identifier!r} belongs to line {line_id} during part of that time; end that line first",
        {"identifier": identifier, "line_id": line_id},
    )


def subscription_overlaps(account_id: str, subscription_id: str) -> DomainError:
    """FAILED_PRECONDITION SUBSCRIPTION_OVERLAPS: a call would find two plans."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "SUBSCRIPTION_OVERLAPS",
        f"account {account_id} has subscription {subscription_id} during part of that time; "
        "end that one first",
        {"account_id": account_id, "subscription_id": subscription_id},
    )


def account_is_paid_by_another(account_id: str, payer_account_id: str) -> DomainError:
    """FAILED_PRECONDITION ACCOUNT_IS_PAID_BY_ANOTHER: only payers pay and are invoiced."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "ACCOUNT_IS_PAID_BY_ANOTHER",
        f"account {account_id} is paid by account {payer_account_id}; use that one",
        {"account_id": account_id, "payer_account_id": payer_account_id},
    )


def reseller_is_itself(account_id: str) -> DomainError:
    """INVALID_ARGUMENT RESELLER_IS_ITSELF: it would be charged twice for each of its calls."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "RESELLER_IS_ITSELF",
        f"account {account_id} cannot be its own reseller; "
        "leave reseller_account_id empty when it is sold directly",
        {"account_id": account_id},
        [FieldViolation("account.reseller_account_id", "must be another account")],
    )


def reseller_chain_too_long(reseller_account_id: str, levels_max: int) -> DomainError:
    """FAILED_PRECONDITION RESELLER_CHAIN_TOO_LONG: every call would be charged at each level."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "RESELLER_CHAIN_TOO_LONG",
        f"reseller {reseller_account_id} has {levels_max} levels of resellers already, "
        "the most there can be; sell to the account at a higher level",
        {"reseller_account_id": reseller_account_id, "levels_max": str(levels_max)},
    )


def period_not_over(end: datetime) -> DomainError:
    """FAILED_PRECONDITION PERIOD_NOT_OVER: calls of the period can still begin."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "PERIOD_NOT_OVER",
        f"the period ends at {end.isoformat()}; close it after that",
        {"period_end_time": end.isoformat()},
    )


def period_not_oldest(start: datetime, oldest: datetime) -> DomainError:
    """FAILED_PRECONDITION PERIOD_NOT_OLDEST: periods close one after the other."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "PERIOD_NOT_OLDEST",
        f"no period that can be closed now starts at {start.isoformat()}; "
        f"the oldest that is not closed starts at {oldest.isoformat()}",
        {"period_start_time": start.isoformat(), "oldest_start_time": oldest.isoformat()},
    )


def no_tax_rate(country_code: str, period_end: datetime) -> DomainError:
    """FAILED_PRECONDITION NO_TAX_RATE: 'no tax' must be said by a rate of zero."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "NO_TAX_RATE",
        f"{country_code} has no tax rate for a period that ends at {period_end.isoformat()}; "
        "add one (0 basis points where no tax is due) and close the period again",
        {"country_code": country_code, "period_end_time": period_end.isoformat()},
    )


def usage_after_seal(account_id: str, start: datetime) -> DomainError:
    """FAILED_PRECONDITION USAGE_AFTER_SEAL: rating sent usage for a period that is closed."""
    return DomainError(
        ErrorKind.FAILED_PRECONDITION,
        "USAGE_AFTER_SEAL",
        f"usage arrived for the closed period of account {account_id} from {start.isoformat()}; "
        "it is kept as a dead letter: compare the seal with rating's charges, then replay it",
        {"account_id": account_id, "period_start_time": start.isoformat()},
    )


def _upper(words: str) -> str:
    return words.upper().replace(" ", "_")


def _lower(words: str) -> str:
    return words.lower().replace(" ", "_")

"""The expected failures of collections; their reasons never change their meaning."""

from collections.abc import Sequence

from kernel.errors import DomainError, ErrorKind, FieldViolation
from services.payment.domain.errors import broken_rules, precondition


def invalid_instrument(violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_INSTRUMENT: fields of the instrument break their rules."""
    return broken_rules("INVALID_INSTRUMENT", "the instrument cannot be attached", violations)


def instrument_not_found(instrument_id: str) -> DomainError:
    """INSTRUMENT_NOT_FOUND: the account, or the tenant, has no instrument with this id."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "INSTRUMENT_NOT_FOUND",
        f"payment instrument {instrument_id!r} does not exist, or is another account's; "
        "ListPaymentInstruments shows those that do",
        {"instrument_id": instrument_id},
    )


def instrument_exists(method_reference: str) -> DomainError:
    """INSTRUMENT_EXISTS: the account has this instrument already."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "INSTRUMENT_EXISTS",
        f"the account has {method_reference!r} already; ListPaymentInstruments shows it",
        {"method_reference": method_reference},
    )


def instrument_in_use(instrument_id: str) -> DomainError:
    """INSTRUMENT_IN_USE: a top-up policy would take money from it."""
    return precondition(
        "INSTRUMENT_IN_USE",
        f"payment instrument {instrument_id!r} is named by its account's top-up policy; set the "
        "policy to another one, or take it away",
        instrument_id=instrument_id,
    )


def gateway_unavailable(gateway: str) -> DomainError:
    """GATEWAY_UNAVAILABLE: the gateway does not answer for now."""
    return DomainError(
        ErrorKind.UNAVAILABLE,
        "GATEWAY_UNAVAILABLE",
        f"{gateway} does not answer, or not to this tenant's key; try again later, and look into "
        "payment's log if it lasts",
        {"gateway": gateway},
    )


def invalid_top_up_policy(violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_TOP_UP_POLICY: fields of the policy break their rules."""
    return broken_rules("INVALID_TOP_UP_POLICY", "the policy cannot be taken", violations)


def invalid_collection(violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_COLLECTION: fields of the request break their rules."""
    return broken_rules("INVALID_COLLECTION", "the payment cannot be collected", violations)


def collection_not_found(collection_id: str) -> DomainError:
    """COLLECTION_NOT_FOUND: the tenant has no collection with this id."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "COLLECTION_NOT_FOUND",
        f"collection {collection_id!r} does not exist; ListCollections shows those that do",
        {"collection_id": collection_id},
    )

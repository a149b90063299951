"""The expected failures of holds and funds; their reasons never change their meaning."""

from collections.abc import Sequence

from kernel.errors import DomainError, ErrorKind, FieldViolation
from services.payment.domain.errors import broken_rules, precondition


def insufficient_funds(account_id: str, wanted_micros: int, available_micros: int) -> DomainError:
    """INSUFFICIENT_FUNDS: balance and credit limit, less what is held, do not suffice."""
    return precondition(
        "INSUFFICIENT_FUNDS",
        f"account {account_id!r} has {available_micros} micros available, {wanted_micros} are "
        "needed; top it up, raise its credit limit, or wait until other holds end",
        account_id=account_id,
        wanted_micros=str(wanted_micros),
        available_micros=str(available_micros),
    )


def spend_cap_reached(
    account_id: str, span: str, wanted_micros: int, left_micros: int
) -> DomainError:
    """SPEND_CAP_REACHED: the account's own cap for a day or a month leaves too little."""
    return precondition(
        "SPEND_CAP_REACHED",
        f"the cap a {span} of account {account_id!r} leaves {left_micros} micros, {wanted_micros} "
        "are needed; raise the cap, or wait for the next one",
        account_id=account_id,
        span=span,
        wanted_micros=str(wanted_micros),
        left_micros=str(left_micros),
    )


def hold_not_found(hold_id: str) -> DomainError:
    """HOLD_NOT_FOUND: the tenant has no hold with this id."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "HOLD_NOT_FOUND",
        f"hold {hold_id!r} does not exist; place it first",
        {"hold_id": hold_id},
    )


def hold_exists(hold_id: str) -> DomainError:
    """HOLD_EXISTS: another request placed a hold under this id."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "HOLD_EXISTS",
        f"hold {hold_id!r} was placed by another request; make a new id",
        {"hold_id": hold_id},
    )


def hold_ended(hold_id: str, state: str) -> DomainError:
    """HOLD_ENDED: what was captured, released or has expired holds no more money."""
    return precondition(
        "HOLD_ENDED",
        f"hold {hold_id!r} has ended ({state}); place a new one",
        hold_id=hold_id,
        state=state,
    )


def hold_exceeded(hold_id: str, held_micros: int, wanted_micros: int) -> DomainError:
    """HOLD_EXCEEDED: a capture that may not take more than its hold would."""
    return precondition(
        "HOLD_EXCEEDED",
        f"hold {hold_id!r} has {held_micros} micros, the capture takes {wanted_micros}; change the "
        "hold first, or capture with OVERRUN_POLICY_POST_ALL",
        hold_id=hold_id,
        held_micros=str(held_micros),
        wanted_micros=str(wanted_micros),
    )


def invalid_transfer(violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_TRANSFER: fields of the step break their rules."""
    return broken_rules("INVALID_TRANSFER", "the step cannot be executed", violations)


def request_id_reused(request_id: str) -> DomainError:
    """REQUEST_ID_REUSED: another step was executed under this id."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "REQUEST_ID_REUSED",
        f"request_id {request_id!r} belongs to another step; give every step its own",
        {"request_id": request_id},
    )


def step_failed(request_id: str) -> DomainError:
    """STEP_FAILED: what went wrong is not foreseen; the step changed nothing."""
    return DomainError(
        ErrorKind.ABORTED,
        "STEP_FAILED",
        f"step {request_id!r} changed nothing, for a reason that payment's log tells; repeat it",
        {"request_id": request_id},
    )


def batch_too_large(count: int, count_max: int) -> DomainError:
    """BATCH_TOO_LARGE: more steps than are executed together."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "BATCH_TOO_LARGE",
        f"{count} steps came at once; send 1 to {count_max}",
        {"count": str(count), "count_max": str(count_max)},
    )


def invalid_funds_policy(violations: Sequence[FieldViolation]) -> DomainError:
    """INVALID_FUNDS_POLICY: fields of the policy break their rules."""
    return broken_rules("INVALID_FUNDS_POLICY", "the policy cannot be taken", violations)


def invalid_field_mask(fixed: Sequence[str], changeable: Sequence[str]) -> DomainError:
    """INVALID_FIELD_MASK: the mask names what cannot be changed."""
    named, free = ", ".join(fixed), ", ".join(changeable)
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        "INVALID_FIELD_MASK",
        f"update_mask names {named}, which cannot be changed; {free} can",
        {"fields": named},
        [FieldViolation("update_mask", f"some of {free}")],
    )

"""The expected failures of rating, each with its stable reason."""

from kernel.errors import DomainError, ErrorKind, FieldViolation

# Reasons why a call has no price; also the reasons of the errors that price one call.
UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
NO_PLAN = "NO_PLAN"
NO_RATE = "NO_RATE"
RATE_NOT_YET_VALID = "RATE_NOT_YET_VALID"
NO_EXCHANGE_RATE = "NO_EXCHANGE_RATE"
CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
INVALID_DURATION = "INVALID_DURATION"
INVALID_QUANTITY = "INVALID_QUANTITY"

UNRATED_MESSAGES = {
    UNKNOWN_ACCOUNT: "the account is not known here; create it in invoice, or check the id",
    NO_PLAN: "no plan with terms is subscribed to at the start of the call; subscribe the account",
    NO_RATE: "no deck of the plan knows the number; add its prefix to a deck, or another deck",
    RATE_NOT_YET_VALID: "a deck of the plan has a rate for the number only from a later time on; "
    "publish one that is in force when the call or the rent starts",
    NO_EXCHANGE_RATE: "no exchange rate between deck, plan and account is in force; add one",
    CURRENCY_MISMATCH: "plan and account are in different currencies; subscribe a plan in its own",
    INVALID_QUANTITY: "the quantity is not between 0 and 10^12; correct the record",
    INVALID_DURATION: "the duration is not between 0 and 24 hours; correct the record",
}


def unrated(reason: str, **metadata: str) -> DomainError:
    """The error that tells a caller why one call has no price."""
    kinds = {
        UNKNOWN_ACCOUNT: ErrorKind.NOT_FOUND,
        INVALID_DURATION: ErrorKind.INVALID_ARGUMENT,
        INVALID_QUANTITY: ErrorKind.INVALID_ARGUMENT,
    }
    shown = ", ".join(f"{name} {value!r}" for name, value in metadata.items())
    message = f"{shown}: {UNRATED_MESSAGES[reason]}"
    return DomainError(kinds.get(reason, ErrorKind.FAILED_PRECONDITION), reason, message, metadata)


def not_found(resource: str, identifier: str) -> DomainError:
    """NOT_FOUND with the reason <RESOURCE>_NOT_FOUND, e.g. RATE_DECK_NOT_FOUND."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        f"{resource}_NOT_FOUND",
        f"there is no {resource.lower().replace('_', ' ')} {identifier!r} here; check the id",
        {resource.lower(): identifier},
    )


def invalid_field(reason: str, field: str, problem: str) -> DomainError:
    """INVALID_ARGUMENT for one field of a request."""
    return DomainError(
        ErrorKind.INVALID_ARGUMENT,
        reason,
        f"{field}: {problem}",
        {"field": field},
        [FieldViolation(field, problem)],
    )


def precondition(reason: str, message: str, **metadata: str) -> DomainError:
    """FAILED_PRECONDITION: the request is right, the state of things is not."""
    return DomainError(ErrorKind.FAILED_PRECONDITION, reason, message, metadata)


def currency_mismatch(what: str, expected: str, found: str) -> DomainError:
    """Two things that are priced together are in different currencies."""
    return precondition(
        CURRENCY_MISMATCH,
        f"{what} is in {found}, expected {expected}; use one in {expected}",
        expected=expected,
        found=found,
    )


def no_exchange_rate(
    what: str, from_currency: str, to_currency: str, moment: str, **metadata: str
) -> DomainError:
    """An amount would have to be exchanged, and there is no rate at that time."""
    return precondition(
        NO_EXCHANGE_RATE,
        f"{what} is in {from_currency}, and no exchange rate from {from_currency} to {to_currency} "
        f"is in force at {moment}; add one",
        from_currency=from_currency,
        to_currency=to_currency,
        effective_time=moment,
        **metadata,
    )


def not_after_previous(what: str, effective: str, previous: str) -> DomainError:
    """A new version of something would change what was in force before."""
    return precondition(
        "EFFECTIVE_TIME_NOT_AFTER_PREVIOUS",
        f"{what} would take force at {effective}, not after the previous one at {previous}; "
        "choose a later time",
        effective_time=effective,
        previous_effective_time=previous,
    )


def account_blocked(account_id: str, why: str) -> DomainError:
    """The account must not call."""
    return precondition(
        "ACCOUNT_BLOCKED",
        f"account {account_id!r} is blocked ({why}); unblock it in fraud to let it call",
        account_id=account_id,
    )


def usage_conflict(key: str, known: int, reported: int) -> DomainError:
    """Usage was reported twice under one key and revision, and not alike."""
    return precondition(
        "USAGE_CONFLICT",
        f"usage {key!r} was charged with a quantity of {known}, not {reported}; send a higher "
        "revision to correct it, or a key of its own for other usage",
        usage_key=key,
        known_quantity=str(known),
        reported_quantity=str(reported),
    )


def session_conflict(session_id: str, field: str, known_key: str, call_key: str) -> DomainError:
    """The id of a session belongs to another call."""
    return DomainError(
        ErrorKind.ALREADY_EXISTS,
        "SESSION_CONFLICT",
        f"session {session_id!r} of call {known_key!r} had another {field} than call {call_key!r} "
        "has now; give every call a session of its own, and repeat an open as it was",
        {
            "session_id": session_id,
            "field": field,
            "known_call_key": known_key,
            "call_key": call_key,
        },
    )


def sequence_too_old(session_id: str, sequence: int, newest: int) -> DomainError:
    """A request came after a later one of its session was answered."""
    return precondition(
        "SEQUENCE_TOO_OLD",
        f"request {sequence} of session {session_id!r} came after request {newest} was answered; "
        "count on from there",
        session_id=session_id,
        sequence=str(sequence),
        newest_sequence=str(newest),
    )


def session_ended(session_id: str, state: str) -> DomainError:
    """Nothing can be asked of a session that has ended."""
    return precondition(
        "SESSION_ENDED",
        f"session {session_id!r} is {state}; there is no call to end any more",
        session_id=session_id,
        state=state,
    )


def unknown_session(session_id: str) -> DomainError:
    """The end of a call of which nothing is known."""
    return DomainError(
        ErrorKind.NOT_FOUND,
        "UNKNOWN_SESSION",
        f"session {session_id!r} was not opened here; say with its end which call it was",
        {"session_id": session_id},
    )

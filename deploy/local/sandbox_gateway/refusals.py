"""Errors as Stripe answers them."""

from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """An answer that is not 200: its status, and the error in its body."""

    def __init__(self, status: int, kind: str, code: str, message: str, **more: str) -> None:
        super().__init__(message)
        self.status = status
        self.error: Json = {"type": kind, "code": code, "message": message, **more}

    @property
    def body(self) -> Json:
        """The body of the answer."""
        return {"error": self.error}


def invalid(code: str, message: str, status: int = 400) -> ApiError:
    """A request that can never be done."""
    return ApiError(status, "invalid_request_error", code, message)


def missing(what: str, reference: str) -> ApiError:
    """Something that the account does not have."""
    return invalid("resource_missing", f"No such {what}: '{reference}'", status=404)


def unexpected_state(reference: str, status: str) -> ApiError:
    """An intent that is past what is asked of it."""
    return invalid(
        "payment_intent_unexpected_state",
        f"This PaymentIntent's {reference} status is {status}, which does not allow this.",
    )


def other_parameters(key: str) -> ApiError:
    """An idempotency key that has been used for another request."""
    return ApiError(
        400,
        "idempotency_error",
        "idempotency_error",
        f"Keys for idempotent requests can only be used with the same parameters; '{key}' was not.",
    )


def unknown_key() -> ApiError:
    """An API key that opens nothing."""
    return invalid("api_key_invalid", "Invalid API Key provided", status=401)

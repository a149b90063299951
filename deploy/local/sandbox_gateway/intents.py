"""PaymentIntents: what may be asked of one, and what becomes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from deploy.local.sandbox_gateway.methods import Method
from deploy.local.sandbox_gateway.refusals import invalid, missing, unexpected_state
from kernel.money import is_currency

UNITS_MAX = 99_999_999
UNITS_MIN = 50
# The unit that amounts must be whole multiples of, where it is not 1.
STEPS = {"isk": 100, "ugx": 100, "bhd": 10, "jod": 10, "kwd": 10, "omr": 10, "tnd": 10}
WAITING = ("requires_confirmation", "requires_payment_method")


@dataclass(frozen=True, slots=True)
class Intent:
    """The intent to take an amount from a payment method, once."""

    id: str
    amount: int
    currency: str
    customer: str
    # Gone once it was declined.
    payment_method: str | None
    created: int
    description: str = ""
    metadata: dict[str, str] = field(default_factory=dict)
    status: str = "requires_confirmation"
    amount_received: int = 0
    last_payment_error: dict[str, str] | None = None
    # When the outcome of a slow method is known; its method, as it is taken from the intent then.
    settle_time: int | None = None

    def __post_init__(self) -> None:
        if not is_currency(self.currency.upper()) or not self.currency.islower():
            raise invalid("invalid_currency", f"Invalid currency: {self.currency}")
        if not UNITS_MIN <= self.amount <= UNITS_MAX:
            size = "small" if self.amount < UNITS_MIN else "large"
            raise invalid(f"amount_too_{size}", f"{self.amount} {self.currency} is too {size}")
        if self.amount % STEPS.get(self.currency, 1):
            raise invalid("invalid_amount", f"{self.currency} cannot be charged in such parts")


def create(id_: str, created: int, parameters: Mapping[str, str]) -> Intent:
    """An intent that takes nothing yet; the parameters are those of Stripe's form."""
    try:
        amount = int(parameters["amount"])
    except (KeyError, ValueError):
        raise invalid("parameter_invalid_integer", "Invalid integer: amount") from None
    prefix = "metadata["
    return Intent(
        id=id_,
        amount=amount,
        currency=parameters.get("currency", ""),
        customer=parameters.get("customer", ""),
        payment_method=parameters.get("payment_method", ""),
        created=created,
        description=parameters.get("description", ""),
        metadata={
            name.removeprefix(prefix).removesuffix("]"): text
            for name, text in parameters.items()
            if name.startswith(prefix)
        },
    )


def confirm(intent: Intent, method: Method | None, settle_time: int) -> Intent:
    """Take the money, begin to, or be declined; only from an intent that waits for it."""
    if intent.status != "requires_confirmation":
        raise unexpected_state(intent.id, intent.status)
    if method is None:
        raise missing("PaymentMethod", intent.payment_method or "")
    if method.is_slow_to_settle:
        return replace(intent, status="processing", settle_time=settle_time)
    return _end(intent, method)


def cancel(intent: Intent) -> Intent:
    """An intent that nobody can confirm any more."""
    if intent.status not in WAITING:
        raise unexpected_state(intent.id, intent.status)
    return replace(intent, status="canceled")


def look_at(intent: Intent, method: Method | None, now: int) -> Intent:
    """The intent as time has made it."""
    is_due = intent.settle_time is not None and intent.settle_time <= now
    if intent.status != "processing" or not is_due or method is None:
        return intent
    return _end(intent, method)


def _end(intent: Intent, method: Method) -> Intent:
    if not method.code:
        return replace(intent, status="succeeded", amount_received=intent.amount)
    return replace(
        intent,
        status="requires_payment_method",
        payment_method=None,
        last_payment_error=method.error,
    )


def as_answered(intent: Intent) -> dict[str, Any]:
    """The intent as Stripe answers it."""
    return {
        "id": intent.id,
        "object": "payment_intent",
        "amount": intent.amount,
        "amount_received": intent.amount_received,
        "created": intent.created,
        "currency": intent.currency,
        "customer": intent.customer,
        "description": intent.description,
        "last_payment_error": intent.last_payment_error,
        "livemode": False,
        "metadata": intent.metadata,
        "payment_method": intent.payment_method,
        "status": intent.status,
    }

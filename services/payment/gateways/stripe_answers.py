"""What Stripe's answers and errors mean to us.

Of an error only codes and the id of the request are told: messages quote what was sent.
"""

from datetime import date
from typing import NamedTuple, NoReturn

import stripe

from services.payment.domain.collections.gateway import (
    GatewayUnavailable,
    InstrumentDetails,
    InstrumentKind,
)
from services.payment.domain.collections.gateway_errors import unsupported_instrument

BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "eftpos_au": "Eftpos",
    "jcb": "JCB",
    "unionpay": "UnionPay",
}
DIRECT_DEBITS = {
    "acss_debit": "PAD",
    "au_becs_debit": "BECS",
    "bacs_debit": "Bacs",
    "sepa_debit": "SEPA",
    "us_bank_account": "ACH",
}
# Declines that time may heal, without anybody doing anything about the instrument.
PASSING = frozenset(
    {
        "card_velocity_exceeded",
        "insufficient_funds",
        "issuer_not_available",
        "processing_error",
        "reenter_transaction",
        "try_again_later",
        "withdrawal_count_limit_exceeded",
    }
)
# Refusals of the moment, which are none of the debit; documented with status 429 and 409.
BUSY = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})


class Failure(NamedTuple):
    """Why a debit was declined, and whether it may succeed at another time."""

    code: str
    may_retry: bool


class Refused(Exception):  # noqa: N818 - named like what has happened
    """A definite no, which repeating will not change."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class SavedFailure(GatewayUnavailable):
    """A failure of Stripe's own that it will answer to this idempotency key for a day."""


def instrument_of(method: stripe.PaymentMethod) -> InstrumentDetails:
    """A card or a direct debit; UNSUPPORTED_INSTRUMENT otherwise."""
    kind = method.type
    if kind == "card" and (card := method.card) is not None:
        brand = BRANDS.get(card.brand, card.brand.capitalize())
        expire_month = date(card.exp_year, card.exp_month, 1)
        return InstrumentDetails(InstrumentKind.CARD, f"{brand} {card.last4}", expire_month)
    if kind not in DIRECT_DEBITS:
        raise unsupported_instrument(method.id, kind)
    label = f"{DIRECT_DEBITS[kind]} {getattr(method, kind).last4}"
    return InstrumentDetails(InstrumentKind.DIRECT_DEBIT, label, None)


def failure_of(intent: stripe.PaymentIntent, refused: Refused | None) -> Failure:
    """Why money was not taken: as the intent tells, else as the request was refused."""
    error = intent.last_payment_error
    if error is not None:
        return _failure(error, intent.status)
    return refused.failure if refused else Failure(intent.status, may_retry=False)


def raise_told(error: Exception) -> NoReturn:
    """Raise what an error of Stripe's client means: Refused, SavedFailure or GatewayUnavailable."""
    if isinstance(error, stripe.CardError | stripe.InvalidRequestError) and error.code not in BUSY:
        raise Refused(_failure(error.error, "refused")) from None
    headers = error.headers or {} if isinstance(error, stripe.StripeError) else {}
    if isinstance(error, stripe.APIError) and headers.get("Idempotent-Replayed") == "true":
        raise SavedFailure(_told(error)) from None
    raise GatewayUnavailable(_told(error)) from None


def _failure(error: object, otherwise: str) -> Failure:
    """The issuer's word rather than Stripe's own; its advice decides whether to try again."""
    code = _text(error, "decline_code") or _text(error, "code") or otherwise
    advice = _text(error, "advice_code")
    may_retry = code in PASSING and advice != "do_not_try_again"
    return Failure(code, may_retry or advice == "try_again_later")


def _text(error: object, name: str) -> str:
    return getattr(error, name, None) or ""


def _told(error: Exception) -> str:
    kind = type(error).__name__
    if not isinstance(error, stripe.StripeError):
        return f"stripe: {kind}"
    return f"stripe: {kind}, status {error.http_status}, code {error.code}, {error.request_id}"

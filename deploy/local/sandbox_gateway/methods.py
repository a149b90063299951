"""Payment methods whose reference says how they behave, as in Stripe's test mode.

Every customer has all of them. What comes after another underscore tells them apart:
`pm_card_visa_anna` behaves like `pm_card_visa`.
"""

from dataclasses import dataclass

from deploy.local.sandbox_gateway.faults import Fault

LAST_DIGITS = "4242"


@dataclass(frozen=True, slots=True)
class Method:
    """A payment method, and what comes of taking money from it."""

    kind: str = "card"
    brand: str = "visa"
    last4: str = LAST_DIGITS
    # Why it pays nothing; empty: it pays.
    code: str = ""
    decline_code: str = ""
    advice_code: str = ""
    # What happens to the first request to take money from it.
    fault: Fault | None = None

    @property
    def is_slow_to_settle(self) -> bool:
        """Whether the outcome is known days after the debit only."""
        return self.kind != "card"

    @property
    def error(self) -> dict[str, str]:
        """Why it pays nothing, as Stripe tells it."""
        told = {
            "type": "card_error" if self.kind == "card" else "invalid_request_error",
            "code": self.code,
            "decline_code": self.decline_code,
            "advice_code": self.advice_code,
            "message": "The payment was declined.",
        }
        return {name: text for name, text in told.items() if text}


def _declined(decline_code: str, advice_code: str = "") -> Method:
    return Method(code="card_declined", decline_code=decline_code, advice_code=advice_code)


def _bank(kind: str, code: str = "") -> Method:
    return Method(kind=kind, last4="3000", code=code)


METHODS = {
    # Stripe's test mode has these.
    "pm_card_visa": Method(),
    "pm_card_mastercard": Method(brand="mastercard", last4="4444"),
    "pm_card_amex": Method(brand="amex", last4="8431"),
    "pm_card_chargeDeclined": _declined("generic_decline", "try_again_later"),
    "pm_card_chargeDeclinedInsufficientFunds": _declined("insufficient_funds"),
    "pm_card_chargeDeclinedLostCard": _declined("lost_card", "do_not_try_again"),
    "pm_card_chargeDeclinedStolenCard": _declined("stolen_card", "do_not_try_again"),
    "pm_card_chargeDeclinedExpiredCard": Method(code="expired_card"),
    "pm_card_chargeDeclinedProcessingError": Method(code="processing_error"),
    "pm_card_authenticationRequired": Method(
        code="authentication_required", decline_code="authentication_required"
    ),
    "pm_usBankAccount_success": _bank("us_bank_account"),
    "pm_usBankAccount_insufficientFunds": _bank("us_bank_account", "insufficient_funds"),
    "pm_usBankAccount_accountClosed": _bank("us_bank_account", "account_closed"),
    # These are ours alone.
    "pm_sepa_success": _bank("sepa_debit"),
    "pm_sepa_insufficientFunds": _bank("sepa_debit", "insufficient_funds"),
    "pm_wallet": Method(kind="paypal"),
    **{f"pm_fault_{fault.value}": Method(fault=fault) for fault in Fault},
}


def find_method(reference: str) -> Method | None:
    """The method of that reference, or of what it begins with."""
    while reference not in METHODS and "_" in reference:
        reference = reference.rpartition("_")[0]
    return METHODS.get(reference)

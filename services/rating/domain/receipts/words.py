"""The words that all explanations of receipts share."""

from __future__ import annotations

from kernel.money import MICROS_PER_UNIT
from services.rating.domain.decimals import decimal_text
from services.rating.domain.receipts.receipt import Receipt

UNITS = {"VOICE": "minute", "SMS": "message", "DATA": "megabyte"}
BASE_UNITS = {"VOICE": "s", "SMS": "messages", "DATA": "bytes"}


def plan_currency(receipt: Receipt) -> str:
    """The currency of the plan's own amounts."""
    return str(receipt.get("plan_currency", receipt["currency"]))


def deck_currency(receipt: Receipt) -> str:
    """The currency of the first rate."""
    return str(receipt.get("deck_currency", plan_currency(receipt)))


def money(micros: int, currency: str) -> str:
    """An amount with as many decimals as it needs: 0.05 EUR."""
    return f"{decimal_text(micros, MICROS_PER_UNIT)} {currency}"

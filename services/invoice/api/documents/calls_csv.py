"""The calls of an invoice as CSV: UTF-8, one header, exact amounts, times with their offset."""

import csv
import io
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from services.invoice.api.documents.formats import iso_time, plain_amount, seconds_text
from services.invoice.domain.document import InvoiceDocument

HEADER = (
    "charge_id",
    "kind",
    "account",
    "start_time",
    "caller",
    "callee",
    "usage_line",
    "duration_seconds",
    "charged_seconds",
    "amount",
    "currency",
    "correction",
)

# What makes a spreadsheet take a text for a formula (OWASP, CSV injection).
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def calls_csv(document: InvoiceDocument) -> bytes:
    """Every charge of the invoice, unanswered calls too, in the order of their start."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(_rows(document))
    return text.getvalue().encode()


def _rows(document: InvoiceDocument) -> Iterator[tuple[str, ...]]:
    zone = ZoneInfo(document.invoice.time_zone)
    currency = document.invoice.amounts.usage.currency
    for charge in document.charges:
        yield (
            charge.charge_id.hex(),
            charge.kind.name.lower(),
            _text(document.account_codes[charge.account_id]),
            iso_time(charge.start_time, zone),
            _text(charge.caller),
            _text(charge.callee),
            _text(charge.usage_line),
            seconds_text(charge.duration_ms),
            seconds_text(charge.charged_duration_ms),
            plain_amount(charge.micros),
            currency,
            "yes" if charge.correction else "no",
        )


def _text(text: str) -> str:
    """A text that stays a text in a spreadsheet, whoever has chosen it."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text

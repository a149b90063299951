"""What the documents of an invoice show, as of the day of issue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.invoice.domain.invoice import Invoice
from services.invoice.domain.usage import Charge


@dataclass(frozen=True, slots=True)
class Issuer:
    """The legal entity in whose name the invoice was issued."""

    name: str
    address_lines: tuple[str, ...]
    tax_number: str


@dataclass(frozen=True, slots=True)
class Recipient:
    """Whom the invoice was sent to; `name` and address are empty for a customer erased before."""

    external_id: str
    name: str
    address_lines: tuple[str, ...]

    def __repr__(self) -> str:
        return "Recipient(…)"


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """An invoice with its parties and, call by call, what it is for."""

    invoice: Invoice
    issuer: Issuer
    recipient: Recipient
    charges: Sequence[Charge]
    # The code of each account that called: the payer's and of those it pays for.
    account_codes: Mapping[str, str]

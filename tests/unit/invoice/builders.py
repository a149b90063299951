"""Invoices and charges to test with."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from kernel.ids import new_uuid, time_key
from kernel.money import Money
from kernel.period import BillingCycle
from services.invoice.domain.document import InvoiceDocument, Issuer, Recipient
from services.invoice.domain.invoice import Invoice, InvoiceNumber, invoice_amounts
from services.invoice.domain.tax import TaxRate
from services.invoice.domain.usage import Charge, ChargeKind, invoice_lines

ZONE = "Europe/Amsterdam"
OCTOBER = BillingCycle(ZONE, 1).period_of(datetime(2026, 10, 15, tzinfo=UTC))
VAT = TaxRate(new_uuid(), "NL", "VAT 21 %", 2_100, datetime(2020, 1, 1, tzinfo=UTC))


def charge(number: int = 0, **details: Any) -> Charge:
    """A call, a minute after the one with the number before."""
    start = OCTOBER.start + timedelta(minutes=number)
    stated: dict[str, Any] = {
        "charge_id": time_key(start, str(number)),
        "kind": ChargeKind.CALL,
        "account_id": "a",
        "correction": False,
        "start_time": start,
        "duration_ms": 61_500,
        "charged_duration_ms": 120_000,
        "caller": "31201234567",
        "callee": "31612345678",
        "usage_line": "Netherlands – mobile",
        "micros": 100_000,
    }
    return Charge(**(stated | details))


def document(charges: Sequence[Charge], currency: str = "EUR", **parties: Any) -> InvoiceDocument:
    """The invoice of some charges."""
    lines = invoice_lines(charges)
    usage = Money(currency, sum(line.micros for line in lines))
    invoice = Invoice(
        invoice_id=new_uuid(),
        number=InvoiceNumber("NL", 2026, 42),
        legal_entity_id=new_uuid(),
        account_id="a",
        account_code="ACME-1",
        time_zone=ZONE,
        span=OCTOBER,
        issue_time=datetime(2026, 11, 1, 9, tzinfo=UTC),
        amounts=invoice_amounts(usage, VAT),
        tax_display_name=VAT.display_name,
        tax_basis_points=VAT.basis_points,
        lines=lines,
    )
    stated: dict[str, Any] = {
        "issuer": Issuer("Tollbook Telecom B.V.", ("Keizersgracht 100",), "NL001234567B01"),
        "recipient": Recipient("CRM-1", "Ada Lovelace", ("St James's Square 12", "London")),
    }
    return InvoiceDocument(
        invoice=invoice, charges=charges, account_codes={"a": "ACME-1"}, **(stated | parties)
    )

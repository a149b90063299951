"""A payment is recorded only with what proves it."""

from dataclasses import replace
from datetime import date

import pytest

from kernel.errors import DomainError
from kernel.ids import new_uuid
from kernel.money import Money
from services.payment.domain.payment import EVIDENCE_CHARACTERS_MAX, PaymentMethod, Receipt

TRANSFER = Receipt(
    payment_id=new_uuid(),
    account_id="account-1",
    method=PaymentMethod.BANK_TRANSFER,
    amount=Money("EUR", 25_000_000),
    value_date=date(2026, 11, 20),
    evidence="statement 2026/118, line 4",
    invoice_id="",
)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("payment_id", "PAYMENT-1"),
        ("method", 0),
        ("method", 5),
        ("amount", Money("EUR", 0)),
        ("amount", Money("EUR", -1)),
        ("amount", Money("EUR", 2**63 - 1)),
        ("value_date", None),
        ("evidence", ""),
        ("evidence", "   "),
        ("evidence", "x" * (EVIDENCE_CHARACTERS_MAX + 1)),
        ("invoice_id", "NL-2026-000042"),
    ],
)
def test_a_receipt_with_a_wrong_field_is_refused(field: str, value: object) -> None:
    """The refusal names the field."""
    with pytest.raises(DomainError) as refused:
        replace(TRANSFER, **{field: value})  # type: ignore[arg-type]
    assert refused.value.reason == "INVALID_PAYMENT"
    assert [violation.field for violation in refused.value.field_violations] == [f"payment.{field}"]


def test_a_refusal_names_every_wrong_field_at_once() -> None:
    """Who fills in a form wants to correct it once."""
    with pytest.raises(DomainError) as refused:
        replace(TRANSFER, evidence="", value_date=None)
    assert refused.value.metadata == {"fields": "payment.value_date, payment.evidence"}

"""What the fields of resources may hold."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.invoice.domain.account import Account, Line, LineKind, PaymentMode
from services.invoice.domain.resources import Customer, LegalEntity, PersonalData, Tenant
from services.invoice.domain.validity import Validity

NOW = datetime(2026, 10, 15, 12, tzinfo=UTC)


def account() -> Account:
    account_id = new_uuid()
    return Account(
        account_id=account_id,
        code="A-1",
        customer_id=new_uuid(),
        legal_entity_id=new_uuid(),
        payer_account_id=account_id,
        currency="EUR",
        time_zone="Europe/Amsterdam",
        payment_mode=PaymentMode.POSTPAID,
        billing_day=1,
        start_time=NOW,
        create_time=NOW,
    )


def test_all_that_is_wrong_is_told_at_once() -> None:
    """Two wrong fields, two violations."""
    with pytest.raises(DomainError) as refusal:
        LegalEntity(new_uuid(), "", "Telecom", (), "nl", "", "NL")
    fields = [violation.field for violation in refusal.value.field_violations]
    assert fields == ["legal_entity.code", "legal_entity.country_code"]


def test_an_address_has_lines_and_a_name_has_one() -> None:
    """Whoever could write lines into a name could write lines onto an invoice."""
    known = PersonalData("Ada", "St James's Square 12\nLondon", "ada@example.com")
    assert Customer(new_uuid(), "CRM-1", "GB", NOW, known).personal == known
    for spoilt in (replace(known, display_name="Ada\nPaid"), replace(known, address="a\x1bb")):
        with pytest.raises(DomainError, match="INVALID_FIELDS"):
            Customer(new_uuid(), "CRM-1", "GB", NOW, spoilt)


@pytest.mark.parametrize("tenant_id", ["", "Acme", "a b", "x" * 33])
def test_a_tenant_id_is_plain(tenant_id: str) -> None:
    """It is part of subjects and file names."""
    with pytest.raises(DomainError, match="INVALID_FIELDS"):
        Tenant(tenant_id, "Acme", NOW)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time_zone": "Mars/Olympus"}, "INVALID_TIME_ZONE"),
        ({"billing_day": 29}, "INVALID_BILLING_DAY"),
        ({"currency": "EURO"}, "INVALID_FIELDS"),
        ({"code": " A-1"}, "INVALID_FIELDS"),
        ({"code": "A\x071"}, "INVALID_FIELDS"),
        ({"start_time": datetime.min.replace(tzinfo=UTC)}, "INVALID_FIELDS"),
        ({"start_time": datetime.max.replace(tzinfo=UTC)}, "INVALID_FIELDS"),
        ({"reseller_account_id": "wholesale"}, "INVALID_FIELDS"),
    ],
)
def test_an_account_is_checked_before_it_is_made(change: dict[str, Any], reason: str) -> None:
    """Zone, billing day and currency decide what every later period and amount is."""
    with pytest.raises(DomainError, match=reason):
        replace(account(), **change)


def test_an_account_is_not_its_own_reseller() -> None:
    """It would be charged the wholesale price of its own calls too."""
    alone = account()
    with pytest.raises(DomainError, match="RESELLER_IS_ITSELF"):
        replace(alone, reseller_account_id=alone.account_id)


@pytest.mark.parametrize(
    "identifier", ["+31201234567", "0201234567", "201234", "3120123456789012", "31 20 1234567"]
)
def test_a_telephone_number_is_written_as_call_records_are(identifier: str) -> None:
    """Normalised to E.164: with a plus, a national prefix or blanks it would never be found."""
    with pytest.raises(DomainError, match="INVALID_FIELDS"):
        Line(new_uuid(), new_uuid(), LineKind.NUMBER, identifier, Validity(NOW, None))


def test_personal_data_never_shows_in_a_log() -> None:
    """Not even when the whole customer is printed."""
    personal = PersonalData("Ada Lovelace", "London", "ada@example.com")
    customer = Customer(new_uuid(), "CRM-1", "GB", NOW, personal)
    assert "Ada" not in repr(customer)
    assert "example.com" not in repr(customer)

"""Who bills and who is billed: tenants, legal entities, customers; what their fields may hold."""

import re
from dataclasses import dataclass
from datetime import datetime

from services.invoice.domain.fields import FieldRules

TENANT_ID_CHARACTERS_MAX = 32
NAME_CHARACTERS_MAX = 200
CODE_CHARACTERS_MAX = 40
EXTERNAL_ID_CHARACTERS_MAX = 64
INVOICE_PREFIX_CHARACTERS_MAX = 12
TAX_NUMBER_CHARACTERS_MAX = 40
ADDRESS_LINES_MAX = 6
ADDRESS_LINE_CHARACTERS_MAX = 100
PERSONAL_TEXT_CHARACTERS_MAX = 1_000

_TENANT_ID = re.compile(rf"[a-z0-9-]{{1,{TENANT_ID_CHARACTERS_MAX}}}")
_INVOICE_PREFIX = re.compile(rf"[A-Za-z0-9-]{{1,{INVOICE_PREFIX_CHARACTERS_MAX}}}")


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company that runs its billing on this installation. INVALID_FIELDS."""

    tenant_id: str
    display_name: str
    create_time: datetime

    def __post_init__(self) -> None:
        rules = FieldRules()
        rules.require(
            bool(_TENANT_ID.fullmatch(self.tenant_id)),
            "tenant.tenant_id",
            f"must be 1 to {TENANT_ID_CHARACTERS_MAX} small letters, digits or '-'",
        )
        rules.length(self.display_name, "tenant.display_name", NAME_CHARACTERS_MAX)
        rules.check()


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A company in whose name invoices are issued. INVALID_FIELDS."""

    legal_entity_id: str
    code: str
    display_name: str
    address_lines: tuple[str, ...]
    country_code: str
    tax_number: str
    invoice_prefix: str

    def __post_init__(self) -> None:
        rules = FieldRules()
        rules.uuid(self.legal_entity_id, "legal_entity.legal_entity_id")
        rules.length(self.code, "legal_entity.code", CODE_CHARACTERS_MAX)
        rules.length(self.display_name, "legal_entity.display_name", NAME_CHARACTERS_MAX)
        rules.country(self.country_code, "legal_entity.country_code")
        rules.length(self.tax_number, "legal_entity.tax_number", TAX_NUMBER_CHARACTERS_MAX, 0)
        self._check_address(rules)
        rules.require(
            bool(_INVOICE_PREFIX.fullmatch(self.invoice_prefix)),
            "legal_entity.invoice_prefix",
            f"must be 1 to {INVOICE_PREFIX_CHARACTERS_MAX} letters, digits or '-'",
        )
        rules.check()

    def _check_address(self, rules: FieldRules) -> None:
        field = "legal_entity.address_lines"
        fits = len(self.address_lines) <= ADDRESS_LINES_MAX
        rules.require(fits, field, f"must be at most {ADDRESS_LINES_MAX} lines")
        for line in self.address_lines:
            rules.length(line, field, ADDRESS_LINE_CHARACTERS_MAX)


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What tells who a customer is; sealed in the store, never logged, never in an event."""

    display_name: str
    address: str
    email: str

    def __repr__(self) -> str:
        return "PersonalData(…)"


@dataclass(frozen=True, slots=True)
class Customer:
    """A person or company that buys; without personal data once erased. INVALID_FIELDS."""

    customer_id: str
    external_id: str
    country_code: str
    create_time: datetime
    personal: PersonalData | None

    def __post_init__(self) -> None:
        rules = FieldRules()
        rules.uuid(self.customer_id, "customer.customer_id")
        rules.length(self.external_id, "customer.external_id", EXTERNAL_ID_CHARACTERS_MAX)
        rules.country(self.country_code, "customer.country_code")
        if self.personal is not None:
            _check_personal(self.personal, rules)
        rules.check()


def _check_personal(personal: PersonalData, rules: FieldRules) -> None:
    longest = PERSONAL_TEXT_CHARACTERS_MAX
    rules.length(personal.display_name, "customer.display_name", longest)
    rules.lines(personal.address, "customer.address", longest)
    rules.length(personal.email, "customer.email", longest, 0)

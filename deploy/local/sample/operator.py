"""Who is billed: the tenants, their legal entities and taxes, their customers' accounts."""

import csv
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

# The month of the calls. Fixed, so that every installation has the same ones; clocks are set
# forward in it, in Europe and in America, on different days. Which of two switches' calls takes the
# last minute of a bundle differs, as bundles are used in the order in which calls come in.
SAMPLE_MONTH = date(2026, 3, 1)
# Decks and plans are in force well before.
PRICES_SINCE = datetime(2026, 1, 1, tzinfo=UTC)

_CUSTOMERS_FILE = Path(__file__).parent / "customers.csv"


@dataclass(frozen=True, slots=True)
class Market:
    """A currency with what comes along: a legal entity's country and the zone of its accounts."""

    currency: str
    time_zone: str
    monthly_fee_micros: int


MARKETS = {
    market.currency: market
    for market in (
        Market("EUR", "Europe/Amsterdam", 9_950_000),
        Market("GBP", "Europe/London", 8_500_000),
        Market("USD", "America/New_York", 11_900_000),
    )
}


@dataclass(frozen=True, slots=True)
class LegalEntity:
    """A company that invoices in one currency."""

    currency: str
    code: str
    name: str
    address: tuple[str, ...]
    country: str
    tax_number: str
    invoice_prefix: str


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A rate of a country from a day on."""

    country: str
    since: date
    basis_points: int
    name: str


@dataclass(frozen=True, slots=True)
class Account:
    """An account and the customer it belongs to, as one row of the file has them."""

    tenant: str
    code: str
    payer: str
    currency: str
    prepaid: bool
    customer: str
    name: str
    address: str
    country: str
    email: str

    @property
    def is_payer(self) -> bool:
        """Whether it gets invoices of its own."""
        return not self.payer

    @property
    def zone(self) -> str:
        """The zone of its billing periods."""
        return MARKETS[self.currency].time_zone

    @property
    def start(self) -> datetime:
        """When its first period begins: local midnight of the sample month's first day."""
        first = datetime(SAMPLE_MONTH.year, SAMPLE_MONTH.month, 1, tzinfo=ZoneInfo(self.zone))
        return first.astimezone(UTC)

    @property
    def sip_user(self) -> str:
        """Who it signs in as at the FreeSWITCH server."""
        return f"user{self.code.partition('-')[2]}"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company that runs its billing here."""

    tenant_id: str
    name: str
    # Its retail prices, in percent of the common price list.
    price_percent: int
    entities: tuple[LegalEntity, ...]

    @property
    def accounts(self) -> tuple[Account, ...]:
        """Its accounts, payers before those they pay for."""
        return tuple(account for account in _ACCOUNTS if account.tenant == self.tenant_id)

    def entity_for(self, account: Account) -> LegalEntity:
        """Who invoices an account."""
        [entity] = (each for each in self.entities if each.currency == account.currency)
        return entity


def _read_accounts() -> tuple[Account, ...]:
    with _CUSTOMERS_FILE.open(encoding="utf-8", newline="") as file:
        return tuple(_account(row) for row in csv.DictReader(file, delimiter=";"))


def _account(row: dict[str, str]) -> Account:
    return Account(
        tenant=row["tenant"],
        code=row["account"],
        payer=row["payer"],
        currency=row["currency"],
        prepaid=row["mode"] == "prepaid",
        customer=row["customer"],
        name=row["name"],
        address=row["address"].replace("|", "\n"),
        country=row["country"],
        email=row["email"],
    )


_ACCOUNTS = _read_accounts()

TAX_RATES = (
    TaxRate("NL", date(2001, 1, 1), 1_900, "VAT 19 %"),
    TaxRate("NL", date(2012, 10, 1), 2_100, "VAT 21 %"),
    TaxRate("DE", date(2007, 1, 1), 1_900, "VAT 19 %"),
    TaxRate("DE", date(2020, 7, 1), 1_600, "VAT 16 %"),
    TaxRate("DE", date(2021, 1, 1), 1_900, "VAT 19 %"),
    TaxRate("GB", date(2010, 1, 1), 1_750, "VAT 17.5 %"),
    TaxRate("GB", date(2011, 1, 4), 2_000, "VAT 20 %"),
    TaxRate("US", date(2010, 1, 1), 0, "No sales tax"),
)

AURORA = Tenant(
    "aurora",
    "Aurora Telecom",
    100,
    (
        LegalEntity(
            *("EUR", "AURORA-NL", "Aurora Telecom B.V."),
            ("Piet Heinkade 55", "1019 GM Amsterdam", "Netherlands"),
            *("NL", "NL 8001.23.456.B01", "AUR-NL"),
        ),
        LegalEntity(
            *("GBP", "AURORA-GB", "Aurora Telecom UK Ltd"),
            ("200 Gray's Inn Road", "London WC1X 8XZ", "United Kingdom"),
            *("GB", "GB 123 4567 89", "AUR-GB"),
        ),
        LegalEntity(
            *("USD", "AURORA-US", "Aurora Telecom Inc."),
            ("1209 Orange Street", "Wilmington, DE 19801", "United States"),
            *("US", "EIN 12-3456789", "AUR-US"),
        ),
    ),
)
BOREALIS = Tenant(
    "borealis",
    "Borealis Voice",
    125,
    (
        LegalEntity(
            *("EUR", "BOREALIS-DE", "Borealis Voice GmbH"),
            ("Hafenstrasse 12", "20457 Hamburg", "Germany"),
            *("DE", "DE 123456789", "BOR-DE"),
        ),
        LegalEntity(
            *("GBP", "BOREALIS-GB", "Borealis Voice Ltd"),
            ("7 Deansgate", "Manchester M3 1AZ", "United Kingdom"),
            *("GB", "GB 987 6543 21", "BOR-GB"),
        ),
        LegalEntity(
            *("USD", "BOREALIS-US", "Borealis Voice LLC"),
            ("500 Dover Road", "Dover, DE 19901", "United States"),
            *("US", "EIN 98-7654321", "BOR-US"),
        ),
    ),
)
TENANTS = (AURORA, BOREALIS)

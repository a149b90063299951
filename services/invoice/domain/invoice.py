"""Invoices: how the exact sum of a period becomes a demand for payment."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum
from zoneinfo import ZoneInfo

from kernel.money import MICROS_PER_UNIT, Money, minor_unit_decimals
from kernel.period import Period
from kernel.rounding import RoundingMode, round_ratio
from services.invoice.domain.tax import TaxRate, tax_micros

PAYMENT_TERM_DAYS = 14
NUMBER_DIGITS_MIN = 6


class InvoiceState(IntEnum):
    """Whether an invoice is paid; the numbers are those of the contract."""

    ISSUED = 1
    PARTIALLY_PAID = 2
    PAID = 3
    WRITTEN_OFF = 4


class SettlementKind(IntEnum):
    """How an invoice comes to ask for less; the numbers are stored."""

    PAYMENT = 1
    WRITE_OFF = 2


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """Usage of one kind, summed; corrections of closed periods stand apart."""

    usage_line: str
    charge_count: int
    charged_duration_ms: int
    micros: int
    correction: bool


@dataclass(frozen=True, slots=True)
class InvoiceNumber:
    """A place in the gap-free series of a legal entity and the year of issue."""

    prefix: str
    year: int
    sequence: int

    def __str__(self) -> str:
        return f"{self.prefix}-{self.year}-{self.sequence:0{NUMBER_DIGITS_MIN}d}"


@dataclass(frozen=True, slots=True)
class InvoiceAmounts:
    """What an invoice asks for, and how it follows from the exact sum of its charges."""

    usage: Money
    net: Money
    tax: Money

    @property
    def total(self) -> Money:
        """Net amount and tax."""
        return self.net + self.tax

    @property
    def rounding_difference(self) -> Money:
        """What rounding added or took."""
        return self.net - self.usage


@dataclass(frozen=True, slots=True)
class Invoice:
    """An issued invoice; only what was paid on it and given up of it still changes.

    The legal entity's and the account's words are those of the day of issue.
    """

    invoice_id: str
    number: InvoiceNumber
    legal_entity_id: str
    account_id: str
    account_code: str
    time_zone: str
    span: Period
    issue_time: datetime
    amounts: InvoiceAmounts
    tax_display_name: str
    tax_basis_points: int
    lines: tuple[InvoiceLine, ...] = ()
    paid_micros: int = 0
    written_off_micros: int = 0

    @property
    def issue_date(self) -> date:
        """The day of issue, in the account's zone."""
        return local_date(self.issue_time, self.time_zone)

    @property
    def due_date(self) -> date:
        """The day on which the payment must be there."""
        return self.issue_date + timedelta(days=PAYMENT_TERM_DAYS)

    @property
    def open_micros(self) -> int:
        """What remains to be paid; a credit asks for nothing."""
        return max(0, self.amounts.total.micros - self.paid_micros - self.written_off_micros)

    @property
    def is_credit(self) -> bool:
        """Whether it gives money back: corrections outweighed the usage."""
        return self.amounts.total.micros < 0

    @property
    def state(self) -> InvoiceState:
        """Whether it is paid; where nothing is to be paid, it is, unless some was given up."""
        if self.open_micros == 0:
            return InvoiceState.WRITTEN_OFF if self.written_off_micros else InvoiceState.PAID
        return InvoiceState.PARTIALLY_PAID if self.paid_micros else InvoiceState.ISSUED


def local_date(instant: datetime, time_zone: str) -> date:
    """The calendar day of an instant in a zone."""
    return instant.astimezone(ZoneInfo(time_zone)).date()


def invoice_amounts(usage: Money, rate: TaxRate) -> InvoiceAmounts:
    """Round the exact sum once, half up to the minor unit, then tax what was rounded."""
    minor_unit_micros = MICROS_PER_UNIT // 10 ** minor_unit_decimals(usage.currency)
    units = round_ratio(usage.micros, minor_unit_micros, RoundingMode.HALF_UP)
    net = units * minor_unit_micros
    tax = tax_micros(net, rate.basis_points, minor_unit_micros)
    return InvoiceAmounts(usage, Money(usage.currency, net), Money(usage.currency, tax))


@dataclass(frozen=True, slots=True)
class OpenInvoice:
    """An invoice on which something remains to be paid."""

    invoice_id: str
    open_micros: int


def allocate(
    micros: int, named_invoice_id: str, open_invoices: Sequence[OpenInvoice]
) -> list[tuple[str, int]]:
    """Which invoices an amount settles, and how much of each: the named one first, then the oldest.

    `open_invoices` come oldest first. What is left over settles nothing; the ledger holds it as the
    account's credit.
    """
    in_order = sorted(open_invoices, key=lambda each: each.invoice_id != named_invoice_id)
    allocations = []
    for invoice in in_order:
        part = min(micros, invoice.open_micros)
        if part <= 0:
            break
        allocations.append((invoice.invoice_id, part))
        micros -= part
    return allocations

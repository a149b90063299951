"""What reconciliation compares with the other services."""

from dataclasses import dataclass

from kernel.money import Money


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """The usage of a tenant in one currency, before rounding."""

    tenant_id: str
    amount: Money
    charge_count: int


@dataclass(frozen=True, slots=True)
class InvoicedSum:
    """The issued invoices of a tenant in one currency."""

    tenant_id: str
    rounding: Money
    total: Money
    invoice_count: int


@dataclass(frozen=True, slots=True)
class NumberSeries:
    """The invoice numbers of a legal entity and year: how many were taken, and which are there."""

    tenant_id: str
    legal_entity_code: str
    year: int
    last_taken: int
    count: int
    lowest: int
    highest: int

    @property
    def gap(self) -> str:
        """What is wrong with the series in words; empty when it is whole."""
        if self.count == self.last_taken == self.highest and self.lowest == min(1, self.count):
            return ""
        return (
            f"{self.legal_entity_code} {self.year}: {self.last_taken} numbers were taken, "
            f"{self.count} are there, from {self.lowest} to {self.highest}"
        )


@dataclass(frozen=True, slots=True)
class TenantDigest:
    """The sums of one tenant."""

    tenant_id: str
    usage: list[UsageTotal]
    invoiced: list[InvoicedSum]
    number_gaps: list[str]

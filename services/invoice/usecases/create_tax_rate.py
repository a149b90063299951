"""A new tax rate of a country, from a day on."""

from chassis.database.unit_of_work import UnitOfWork
from services.invoice.domain.errors import exists
from services.invoice.domain.tax import TaxRate
from services.invoice.store import directory


def create_tax_rate(uow: UnitOfWork, tenant_id: str, rate: TaxRate) -> TaxRate:
    """Add a tax rate. Raises TAX_RATE_EXISTS for the same country and day, or the same id."""
    if not directory.insert_tax_rate(uow.connection, tenant_id, rate):
        day = rate.effective_time.isoformat()
        raise exists("tax rate", f"{rate.country_code} from {day}")
    return rate

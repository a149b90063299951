"""The sums that prove this service's share of the books."""

from sqlalchemy import Connection

from chassis.database.watermarks import Watermarks
from services.invoice.domain.audit import TenantDigest
from services.invoice.store import audit


def get_invoice_digest(
    connection: Connection, rating: Watermarks, invoice: Watermarks
) -> list[TenantDigest]:
    """The sums of every tenant up to the watermarks of rating's events and of our own."""
    usage = audit.usage_totals(connection, rating)
    invoiced = audit.invoiced_sums(connection, invoice)
    series = audit.number_series(connection)
    return [
        TenantDigest(
            tenant_id,
            [each for each in usage if each.tenant_id == tenant_id],
            [each for each in invoiced if each.tenant_id == tenant_id],
            [each.gap for each in series if each.tenant_id == tenant_id and each.gap],
        )
        for tenant_id in audit.tenant_ids(connection)
    ]

"""The counts and sums that reconciliation compares with the other services."""

from sqlalchemy import Connection

from chassis.database.watermarks import Watermarks
from services.rating.domain.charges.audit import BatchCounts, TenantDigest
from services.rating.store.audit import batch_counts, charged_sums, outcome_counts


def digest_charges(
    connection: Connection, cdr_watermarks: Watermarks, rating_watermarks: Watermarks
) -> list[TenantDigest]:
    """Recompute the digest of every tenant from its rows, in one snapshot."""
    batches = batch_counts(connection, cdr_watermarks)
    outcomes = outcome_counts(connection, cdr_watermarks)
    sums = charged_sums(connection, rating_watermarks)
    return [
        TenantDigest(
            tenant_id,
            batches.get(tenant_id, BatchCounts(0, 0)),
            outcomes.get(tenant_id, {}),
            sums.get(tenant_id, []),
        )
        for tenant_id in sorted({*batches, *outcomes, *sums})
    ]

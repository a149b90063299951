"""Loads the sample operator into running services; a run after an interrupted one finishes it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.local.installation import Installation
from deploy.local.sample import (
    billing,
    charging,
    collecting,
    directory,
    fraud,
    switches,
    tariffs,
)
from deploy.local.sample.billing import SavedInvoice
from deploy.local.sample.operator import TENANTS
from deploy.local.sample.session import Session, session_with
from tollbook.invoice.v1 import invoice_service_pb2
from tollbook.invoice.v1 import invoice_service_pb2_grpc as invoice_grpc

MARKER_NAME = "sample.json"
# Raised when the sample changes so much that an older one is no longer the same.
SAMPLE_VERSION = 2


@dataclass(frozen=True, slots=True)
class LoadedSample:
    """What a first start has made, or a later one found."""

    invoices: list[SavedInvoice]
    invoice_count: int


async def load_sample(
    installation: Installation, report: Callable[[str, str], None]
) -> LoadedSample:
    """Load the sample, or find the one that is there; `report` gets a topic and what was done.

    Raises:
        SampleError: what should have come did not come in time, or came out wrong.
        DomainError: a service refused something.
    """
    async with session_with(installation, report) as session:
        if _marker(installation).exists() and await _is_known(session):
            return await _found(session)
        saved = await _load(session)
        _marker(installation).write_text(json.dumps({"sample_version": SAMPLE_VERSION}) + "\n")
        return LoadedSample(saved, len(saved))


async def _load(session: Session) -> list[SavedInvoice]:
    await directory.create_directory(session)
    await tariffs.create_tariffs(session)
    await tariffs.create_subscriptions(session)
    await fraud.create_rules(session)
    await switches.create_sources(session)
    await billing.top_up_wallets(session)
    counts = await switches.hand_over_month(session)
    await billing.wait_until_posted(session, counts)
    await fraud.show_alert(session)
    saved = await billing.close_month(session)
    await billing.record_payments(session, saved)
    await billing.bill_late_calls(session)
    await charging.place_calls_at_once(session)
    if session.installation.has_own_gateway:
        await collecting.let_a_wallet_top_itself_up(session)
    return saved


def _marker(installation: Installation) -> Path:
    return installation.folder / MARKER_NAME


async def _is_known(session: Session) -> bool:
    """Ask the services: the marker may outlive a deleted database."""
    tenants = invoice_grpc.TenantServiceStub(session.channels["invoice"])
    page = await tenants.ListTenants(invoice_service_pb2.ListTenantsRequest(page_size=500))
    return {tenant.tenant_id for tenant in TENANTS} <= {each.tenant_id for each in page.tenants}


async def _found(session: Session) -> LoadedSample:
    audit = invoice_grpc.InvoiceAuditServiceStub(session.channels["invoice"])
    answer = await audit.GetInvoiceDigest(invoice_service_pb2.GetInvoiceDigestRequest())
    count = sum(digest.invoice_count for digest in answer.digests)
    session.report("Data", f"found the former start's: {len(TENANTS)} tenants, {count} invoices")
    return LoadedSample([], count)

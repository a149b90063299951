"""Puts invoice together: its doors, its handlers and its own background work."""

from functools import partial

from chassis.background import keep_doing
from chassis.bus.handler import EventHandler, together
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.server import Servicer
from chassis.security.sealing import MasterKey
from chassis.service import Runtime, ServiceDefinition
from chassis.settings import read_settings
from services.invoice.api.audit_api import InvoiceAuditApi
from services.invoice.api.customer_api import CustomerApi
from services.invoice.api.invoice_api import InvoiceApi
from services.invoice.api.legal_entity_api import LegalEntityApi
from services.invoice.api.tenant_api import TenantApi
from services.invoice.config import InvoiceSettings
from services.invoice.events.calls_rated import calls_rated
from services.invoice.events.settlements import SETTLEMENTS
from services.invoice.store.vault import Vault
from services.invoice.usecases.complete_sealed_periods import complete_sealed_periods
from services.invoice.usecases.rating import Rating
from tollbook.invoice.v1 import invoice_service_pb2_grpc as grpc_api
from tollbook.rating.v1.rating_events_pb2 import CallsRated


def build(runtime: Runtime) -> ServiceDefinition:
    """The invoice service on this runtime."""
    settings = read_settings(InvoiceSettings, runtime.environment)
    vault = Vault(MasterKey.read(settings.master_key_file))
    return ServiceDefinition(
        name="invoice",
        servicers=_servicers(runtime, vault),
        partitioned_tables={"usage_item": "charge_id"},
        handlers=[
            EventHandler(CallsRated, together(partial(calls_rated, vault))),
            *SETTLEMENTS,
        ],
        background=[
            lambda: keep_doing(
                "completing sealed periods",
                lambda: complete_sealed_periods(runtime.database, vault),
                settings.sealed_periods_check_seconds,
            )
        ],
    )


def _servicers(runtime: Runtime, vault: Vault) -> list[Servicer]:
    endpoint = Endpoint(runtime.database)
    rating = Rating(runtime.channel("rating"))
    return [
        Servicer.of(grpc_api, "TenantService", TenantApi(endpoint)),
        Servicer.of(grpc_api, "LegalEntityService", LegalEntityApi(endpoint)),
        Servicer.of(grpc_api, "CustomerService", CustomerApi(endpoint, vault, rating)),
        Servicer.of(
            grpc_api, "InvoiceService", InvoiceApi(endpoint, runtime.database, vault, rating)
        ),
        Servicer.of(grpc_api, "InvoiceAuditService", InvoiceAuditApi(endpoint)),
    ]

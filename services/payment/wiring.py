"""Puts payment together: its doors, its handlers, its database."""

from chassis.grpc.endpoint import Endpoint
from chassis.grpc.server import Servicer
from chassis.service import Runtime, ServiceDefinition
from services.payment.api.audit import PaymentAuditApi
from services.payment.api.ledger import LedgerApi
from services.payment.api.payments import PaymentApi
from services.payment.events.accounts import ACCOUNT_CHANGED
from services.payment.events.invoices import INVOICE_ISSUED
from services.payment.events.usage import CALLS_RATED
from tollbook.payment.v1 import payment_service_pb2_grpc as grpc_api


def build(runtime: Runtime) -> ServiceDefinition:
    """The payment service on this runtime."""
    endpoint = Endpoint(runtime.database)
    return ServiceDefinition(
        name="payment",
        servicers=[
            Servicer(
                grpc_api.add_PaymentServiceServicer_to_server,
                PaymentApi(endpoint),
                "tollbook.payment.v1.PaymentService",
            ),
            Servicer(
                grpc_api.add_LedgerServiceServicer_to_server,
                LedgerApi(endpoint),
                "tollbook.payment.v1.LedgerService",
            ),
            Servicer(
                grpc_api.add_PaymentAuditServiceServicer_to_server,
                PaymentAuditApi(endpoint),
                "tollbook.payment.v1.PaymentAuditService",
            ),
        ],
        handlers=[ACCOUNT_CHANGED, CALLS_RATED, INVOICE_ISSUED],
    )

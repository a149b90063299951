"""Puts payment together: its doors, its handlers, its background tasks, its database."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from chassis.background import keep_doing
from chassis.database.engine import Database
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.server import Servicer
from chassis.security.signing import SigningKey
from chassis.service import Background, Runtime, ServiceDefinition
from chassis.settings import read_settings
from kernel.clock import utc_now
from services.payment.api.adjustments import AdjustmentApi
from services.payment.api.audit import PaymentAuditApi
from services.payment.api.collections import CollectionApi
from services.payment.api.funds import FundsApi
from services.payment.api.ledger import LedgerApi
from services.payment.api.payments import PaymentApi
from services.payment.api.roots import LedgerRootApi
from services.payment.api.transfers import TransferApi
from services.payment.config import PaymentSettings
from services.payment.events.accounts import ACCOUNT_CHANGED
from services.payment.events.customers import CUSTOMER_ERASED
from services.payment.events.invoices import INVOICE_ISSUED
from services.payment.events.usage import CALLS_RATED
from services.payment.gateways.stripe import StripeGateway
from services.payment.usecases.adjustments.expire_promotions import expire_promotions
from services.payment.usecases.balances.consider_top_ups import look_again
from services.payment.usecases.collections.collect import Collector
from services.payment.usecases.funds.end_holds import expire_holds, purge_ended
from services.payment.usecases.funds.execute_transfers import TransferExecution
from services.payment.usecases.ledger.close_ledger import Sign, close_past_days, unsigned
from tollbook.payment.v1 import adjustment_service_pb2_grpc as adjustment_grpc
from tollbook.payment.v1 import collection_service_pb2_grpc as collection_grpc
from tollbook.payment.v1 import funds_service_pb2_grpc as funds_grpc
from tollbook.payment.v1 import ledger_root_service_pb2_grpc as root_grpc
from tollbook.payment.v1 import payment_service_pb2_grpc as payment_grpc
from tollbook.payment.v1 import transfer_service_pb2_grpc as transfer_grpc

# How soon a day that has ended has its root.
DAY_CHECK_SECONDS = 60
# How soon promotional credit is gone from the balance once it has expired.
EXPIRY_SECONDS = 10
# How soon the money of a hold is free once it has expired.
HOLD_EXPIRY_SECONDS = 1
PURGE_SECONDS = 3_600
# How soon money that is wanted is asked for.
COLLECTION_SECONDS = 1
# How soon a top-up that has waited is looked at again.
TOP_UP_SECONDS = 10


def build(runtime: Runtime) -> ServiceDefinition:
    """The payment service on this runtime."""
    database = runtime.database
    settings = read_settings(PaymentSettings, runtime.environment)
    sign = _signing(settings)
    gateway = StripeGateway(settings.gateway_keys_dir, settings.stripe_api_url)
    close_days = partial(close_past_days, sign=sign)
    return ServiceDefinition(
        name="payment",
        servicers=_servicers(database, sign, gateway),
        handlers=[ACCOUNT_CHANGED, CALLS_RATED, CUSTOMER_ERASED, INVOICE_ISSUED],
        background=[
            _again("closing past days", close_days, database, DAY_CHECK_SECONDS),
            _again("expiry of promotional credit", expire_promotions, database, EXPIRY_SECONDS),
            _again("expiry of holds", expire_holds, database, HOLD_EXPIRY_SECONDS),
            _again("top-ups that have waited", look_again, database, TOP_UP_SECONDS),
            lambda: _collect(database, gateway),
            _again("purge of what has ended", purge_ended, database, PURGE_SECONDS),
        ],
    )


def _signing(settings: PaymentSettings) -> Sign:
    key_file = settings.ledger_key_file
    return SigningKey.read(key_file).sign if key_file else unsigned


def _servicers(database: Database, sign: Sign, gateway: StripeGateway) -> list[Servicer]:
    endpoint = Endpoint(database)
    return [
        Servicer.of(payment_grpc, "PaymentService", PaymentApi(endpoint)),
        Servicer.of(payment_grpc, "LedgerService", LedgerApi(endpoint)),
        Servicer.of(
            transfer_grpc, "TransferService", TransferApi(endpoint, TransferExecution(database))
        ),
        Servicer.of(funds_grpc, "FundsService", FundsApi(endpoint)),
        Servicer.of(adjustment_grpc, "AdjustmentService", AdjustmentApi(endpoint)),
        Servicer.of(collection_grpc, "CollectionService", CollectionApi(endpoint, gateway)),
        Servicer.of(payment_grpc, "PaymentAuditService", PaymentAuditApi(endpoint)),
        Servicer.of(root_grpc, "LedgerRootService", LedgerRootApi(endpoint, database, sign)),
    ]


async def _collect(database: Database, gateway: StripeGateway) -> None:
    """Collect until the service drains; what is cut off is gone on with from what is stored."""
    collector = Collector(database, gateway)
    try:
        await keep_doing("collections", collector.collect_due, COLLECTION_SECONDS)
    finally:
        await gateway.close()


def _again(
    what: str,
    job: Callable[[Database, datetime], Awaitable[None]],
    database: Database,
    pause_seconds: float,
) -> Background:
    return lambda: keep_doing(what, lambda: job(database, utc_now()), pause_seconds)

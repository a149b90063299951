"""Puts rating together: its doors, its handlers, its memory of tariffs and its retries."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from chassis.background import keep_doing
from chassis.database.engine import Database
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.server import Servicer
from chassis.http import serve_http
from chassis.security.tokens import TokenVerifier, TrustedKeys
from chassis.service import Background, Runtime, ServiceDefinition
from chassis.settings import read_settings
from services.rating.api.account_decks import AccountDeckApi
from services.rating.api.audit import RatingAuditApi
from services.rating.api.calendars import CalendarApi
from services.rating.api.charges import ChargeQueryApi
from services.rating.api.charging import ChargingApi
from services.rating.api.charging_admin import ChargingAdminApi
from services.rating.api.counters import CounterApi
from services.rating.api.exchange_rates import ExchangeRateApi
from services.rating.api.http_charging import HttpCharging
from services.rating.api.numbering import NumberingApi
from services.rating.api.numbers import international
from services.rating.api.periods import PeriodApi
from services.rating.api.plans import PlanApi
from services.rating.api.radius.clients_file import ClientsFile
from services.rating.api.radius.dictionaries import load_dictionary
from services.rating.api.radius.door import RadiusDoor
from services.rating.api.radius.server import RadiusServer
from services.rating.api.rate_decks import RateDeckApi
from services.rating.api.rating import RatingApi
from services.rating.api.rating_profile import RatingProfileApi
from services.rating.api.routing import RoutingApi
from services.rating.api.suppliers import SupplierApi
from services.rating.api.usage import UsageApi
from services.rating.config import RatingSettings
from services.rating.events.accounts import account_handlers
from services.rating.events.calls_collected import calls_collected
from services.rating.store.deck_files import DeckFiles
from services.rating.store.retries import has_retries
from services.rating.store.spool import Spool
from services.rating.usecases.change_watch import ChangeWatch
from services.rating.usecases.charging.charging import Charging
from services.rating.usecases.charging.charging_memory import ChargingMemory
from services.rating.usecases.charging.funds import Funds
from services.rating.usecases.charging.hang_ups import HangUps
from services.rating.usecases.charging.keep_sessions import (
    FORGET_INTERVAL_SECONDS,
    KEEP_INTERVAL_SECONDS,
    end_all_due,
    forget_old_sessions,
)
from services.rating.usecases.charging.offline_records import OfflineRecords
from services.rating.usecases.charging.outage import Outages
from services.rating.usecases.charging.saga import Saga
from services.rating.usecases.charging.session_book import SessionBook
from services.rating.usecases.charging.session_prices import SessionPrices
from services.rating.usecases.quoting.pricing_memory import PricingMemory
from services.rating.usecases.quoting.route_call import Routes
from services.rating.usecases.settling.retry_unrated_calls import retry_next_request
from services.rating.usecases.tariffs import Tariffs
from services.rating.usecases.warm_up import warm_up
from tollbook.rating.v1 import charging_admin_service_pb2_grpc as charging_admin_grpc
from tollbook.rating.v1 import charging_service_pb2_grpc as charging_grpc
from tollbook.rating.v1 import rating_service_pb2_grpc as rating_grpc
from tollbook.rating.v1 import supplier_service_pb2_grpc as supplier_grpc
from tollbook.rating.v1 import tariff_service_pb2_grpc as tariff_grpc
from tollbook.rating.v1 import usage_service_pb2_grpc as usage_grpc

BYTES_PER_MEBIBYTE = 2**20


def build(runtime: Runtime) -> ServiceDefinition:
    """The rating service on this runtime."""
    settings = read_settings(RatingSettings, runtime.environment)
    folder = runtime.settings.data_dir / "rate-decks"
    tariffs = Tariffs(DeckFiles(folder, settings.rate_deck_mebibytes_max * BYTES_PER_MEBIBYTE))
    watch = ChangeWatch(runtime.database)
    memory = PricingMemory(runtime.database, tariffs, watch)
    charging = ChargingParts.of(runtime, tariffs, memory, watch)
    return ServiceDefinition(
        name="rating",
        servicers=[
            *_servicers(runtime.database, tariffs, memory, settings),
            *_charging_servicers(runtime.database, memory, charging, settings),
        ],
        partitioned_tables={"charge": "charge_id"},
        prepare=lambda: warm_up(runtime.database, memory, charging.settings),
        handlers=[
            calls_collected(tariffs),
            *account_handlers(lambda: _doubt(watch, charging.hang_ups)),
        ],
        background=[
            lambda: keep_doing(
                "retry of calls without a price",
                lambda: _retry_calls(runtime.database, tariffs),
                settings.retry_interval_seconds,
            ),
            watch.run,
            charging.records.watch,
            charging.saga.finish,
            lambda: keep_doing(
                "end of sessions that are due",
                lambda: end_all_due(charging.book, charging.saga),
                KEEP_INTERVAL_SECONDS,
            ),
            lambda: keep_doing(
                "forgetting of old sessions",
                lambda: forget_old_sessions(runtime.database),
                FORGET_INTERVAL_SECONDS,
            ),
            *_switch_doors(runtime, charging, settings),
        ],
    )


class ChargingParts(NamedTuple):
    """What calls are charged with while they run."""

    settings: ChargingMemory
    book: SessionBook
    saga: Saga
    records: OfflineRecords
    charging: Charging
    hang_ups: HangUps

    @classmethod
    def of(
        cls, runtime: Runtime, tariffs: Tariffs, memory: PricingMemory, watch: ChangeWatch
    ) -> ChargingParts:
        """The parts, over this runtime's database and its channel to payment."""
        settings = ChargingMemory(runtime.database, watch)
        prices = SessionPrices(memory, settings)
        book = SessionBook(runtime.database, tariffs)
        saga = Saga(book, Funds(runtime.channel("payment")), prices)
        spool = Spool(runtime.settings.data_dir / "charging-spool")
        records = OfflineRecords(runtime.database, saga, spool)
        charging = Charging(book, saga, prices, Outages(settings, memory, records))
        return cls(settings, book, saga, records, charging, HangUps(watch))


def _servicers(
    database: Database, tariffs: Tariffs, memory: PricingMemory, settings: RatingSettings
) -> list[Servicer]:
    # Whoever changes what prices depend on is priced by it from then on.
    endpoint, publishing = Endpoint(database), Endpoint(database, memory.heed_publication)
    emergency = frozenset(settings.emergency_numbers)
    usage = UsageApi(endpoint, tariffs, international(emergency))
    return [
        Servicer.of(rating_grpc, "RatingService", RatingApi(memory, emergency)),
        Servicer.of(rating_grpc, "RateDeckService", RateDeckApi(publishing, tariffs)),
        Servicer.of(rating_grpc, "PlanService", PlanApi(publishing)),
        Servicer.of(tariff_grpc, "CalendarService", CalendarApi(publishing)),
        Servicer.of(tariff_grpc, "ExchangeRateService", ExchangeRateApi(publishing)),
        Servicer.of(tariff_grpc, "AccountDeckService", AccountDeckApi(publishing)),
        Servicer.of(tariff_grpc, "RatingProfileService", RatingProfileApi(publishing)),
        Servicer.of(supplier_grpc, "SupplierService", SupplierApi(publishing)),
        Servicer.of(supplier_grpc, "NumberingService", NumberingApi(publishing)),
        Servicer.of(supplier_grpc, "RoutingService", RoutingApi(Routes(memory))),
        Servicer.of(usage_grpc, "UsageService", usage),
        Servicer.of(usage_grpc, "CounterService", CounterApi(publishing)),
        Servicer.of(rating_grpc, "ChargeQueryService", ChargeQueryApi(endpoint, tariffs)),
        Servicer.of(rating_grpc, "PeriodService", PeriodApi(endpoint, tariffs)),
        Servicer.of(rating_grpc, "RatingAuditService", RatingAuditApi(endpoint)),
    ]


def _charging_servicers(
    database: Database, memory: PricingMemory, parts: ChargingParts, settings: RatingSettings
) -> list[Servicer]:
    endpoint, numbers = Endpoint(database), international(frozenset(settings.emergency_numbers))
    api = ChargingApi(parts.charging, parts.settings, endpoint, numbers, parts.hang_ups)
    admin = ChargingAdminApi(Endpoint(database, heeding(memory, parts.settings)))
    return [
        Servicer.of(charging_grpc, "ChargingService", api),
        Servicer.of(charging_admin_grpc, "ChargingAdminService", admin),
    ]


def heeding(memory: PricingMemory, settings: ChargingMemory) -> Callable[[str], Awaitable[None]]:
    """Has what was just set in a tenant heeded before whoever set it is answered."""

    async def heed(tenant_id: str) -> None:
        await memory.heed_publication(tenant_id)
        await settings.heed_change(tenant_id)

    return heed


def _doubt(watch: ChangeWatch, hang_ups: HangUps) -> None:
    """Have what was just heard of an account heeded from now on."""
    watch.doubt()
    hang_ups.wake()


def _switch_doors(
    runtime: Runtime, parts: ChargingParts, settings: RatingSettings
) -> list[Background]:
    """The doors of switches that speak no gRPC."""
    doors: list[Background] = []
    emergency = frozenset(settings.emergency_numbers)
    if settings.charging_http_listen_address:
        verifier = TokenVerifier(TrustedKeys(runtime.settings.trusted_keys_file))
        http = HttpCharging(
            parts.charging, parts.settings, verifier.verify, international(emergency)
        )
        address = settings.charging_http_listen_address
        doors.append(lambda: serve_http(http.app, address, runtime.settings))
    if settings.radius_clients_file is not None:
        radius = RadiusServer(
            RadiusDoor(parts.charging, parts.settings),
            ClientsFile(settings.radius_clients_file, emergency),
            load_dictionary(settings.radius_dictionaries_dir),
        )
        addresses = settings.radius_authentication_address, settings.radius_accounting_address
        doors.append(lambda: radius.serve(*addresses))
    return doors


async def _retry_calls(database: Database, tariffs: Tariffs) -> None:
    """Try calls without a price again, a part of them in each transaction, whenever asked to."""
    while await database.read(has_retries):
        if not await database.write(lambda uow: retry_next_request(uow, tariffs)):
            break

"""Puts fraud together."""

from chassis.background import keep_doing
from chassis.bus.handler import EventHandler, together
from chassis.database.engine import Database
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.server import Servicer
from chassis.service import Runtime, ServiceDefinition
from chassis.settings import read_settings
from services.fraud.api.fraud_service import FraudApi
from services.fraud.config import FraudSettings
from services.fraud.events.calls_rated import on_calls_rated
from services.fraud.usecases.forget_old_steps import forget_old_steps
from tollbook.fraud.v1 import fraud_service_pb2_grpc as grpc_api
from tollbook.rating.v1.rating_events_pb2 import CallsRated


def build(runtime: Runtime) -> ServiceDefinition:
    """The service on the chassis' database, door and bus."""
    settings = read_settings(FraudSettings, runtime.environment)
    api = FraudApi(Endpoint(runtime.database))
    return ServiceDefinition(
        name="fraud",
        servicers=[Servicer.of(grpc_api, "FraudService", api)],
        handlers=[EventHandler(CallsRated, together(on_calls_rated))],
        background=[
            lambda: keep_doing(
                "forgetting old steps",
                lambda: _forget_old_steps(runtime.database),
                settings.step_cleanup_interval_seconds,
            )
        ],
    )


async def _forget_old_steps(database: Database) -> None:
    while await database.write(forget_old_steps):
        pass

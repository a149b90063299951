"""Puts cdr together: its doors, its handlers, its background tasks."""

from chassis.background import keep_doing
from chassis.database.engine import Database
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.server import Servicer
from chassis.http import serve_http
from chassis.service import Background, Runtime, ServiceDefinition
from chassis.settings import read_settings
from services.cdr.api.audit import CdrAuditApi
from services.cdr.api.calls import CallQueryApi
from services.cdr.api.folder_watcher import FolderWatcher
from services.cdr.api.freeswitch_push import FreeswitchPush
from services.cdr.api.intake import CallIntakeApi
from services.cdr.api.sources import SourceAdminApi
from services.cdr.config import CdrSettings
from services.cdr.events.lines import ACCOUNT_CHANGED, LINE_CHANGED
from services.cdr.events.prices import CALLS_RATED
from services.cdr.usecases.retry_suspended import retry_due
from tollbook.cdr.v1 import cdr_service_pb2_grpc as doors


def build(runtime: Runtime) -> ServiceDefinition:
    """The service on the chassis' database, door and bus."""
    settings = read_settings(CdrSettings, runtime.environment)
    return ServiceDefinition(
        name="cdr",
        servicers=_servicers(Endpoint(runtime.database)),
        partitioned_tables={"call": "call_id"},
        handlers=[LINE_CHANGED, ACCOUNT_CHANGED, CALLS_RATED],
        background=list(_background(runtime, settings)),
    )


def _servicers(endpoint: Endpoint) -> list[Servicer]:
    return [
        Servicer.of(doors, "CallIntakeService", CallIntakeApi(endpoint)),
        Servicer.of(doors, "SourceAdminService", SourceAdminApi(endpoint)),
        Servicer.of(doors, "CallQueryService", CallQueryApi(endpoint)),
        Servicer.of(doors, "CdrAuditService", CdrAuditApi(endpoint)),
    ]


def _background(runtime: Runtime, settings: CdrSettings) -> list[Background]:
    tasks: list[Background] = [
        lambda: keep_doing(
            "retry of suspended records",
            lambda: _retry(runtime.database),
            settings.retry_interval_seconds,
        )
    ]
    if settings.watch_dir is not None:
        watcher = FolderWatcher(runtime.database, settings, settings.watch_dir)
        interval = settings.watch_interval_seconds
        tasks.append(lambda: keep_doing("the watched folder", watcher.poll, interval))
    if settings.http_listen_address:
        push = FreeswitchPush(runtime.database)
        tasks.append(lambda: serve_http(push.app, settings.http_listen_address, runtime.settings))
    return tasks


async def _retry(database: Database) -> None:
    while await database.write(retry_due):
        pass

"""Serves cdr's gRPC doors on loopback, and talks to them as a tenant's client would."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from chassis.database.engine import Database
from chassis.grpc.client import connect
from chassis.grpc.server import GrpcServer
from chassis.security.authority import LocalAuthority
from chassis.service import Runtime
from chassis.settings import CommonSettings
from kernel.ids import new_uuid
from services.cdr import wiring
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.cdr_service_pb2_grpc import (
    CallIntakeServiceStub,
    CallQueryServiceStub,
    CdrAuditServiceStub,
    SourceAdminServiceStub,
)
from tollbook.cdr.v1.source_pb2 import (
    ConflictRule,
    LineRule,
    RecordFormat,
    Source,
    SourceProfile,
)
from tollbook.type.v1.call_pb2 import CallKeyKind

SCOPES = ("cdr.ingest", "cdr.manage", "cdr.read", "cdr.audit")
HOUR_SECONDS = 3_600


class Client:
    """The stubs of one caller."""

    def __init__(self, channel: Any) -> None:
        self.intake: Any = CallIntakeServiceStub(channel)
        self.sources: Any = SourceAdminServiceStub(channel)
        self.calls: Any = CallQueryServiceStub(channel)
        self.audit: Any = CdrAuditServiceStub(channel)

    async def create_source(
        self, code: str = "api", record_format: Any = RecordFormat.RECORD_FORMAT_GRPC
    ) -> Source:
        source = Source(code=code, format=record_format, profile=a_profile())
        request = pb.CreateSourceRequest(source=source, request_id=new_uuid())
        return (await self.sources.CreateSource(request)).source

    async def ingest(
        self, *chunks: pb.IngestCallRecordsRequest
    ) -> list[pb.IngestCallRecordsResponse]:
        return [answer async for answer in self.intake.IngestCallRecords(iter(chunks))]

    async def import_file(
        self, code: str, pieces: Iterable[bytes], name: str = "Master.csv"
    ) -> list[pb.ImportCallFileResponse]:
        requests = [pb.ImportCallFileRequest(content=piece) for piece in pieces]
        requests[0].source_code, requests[0].file_name = code, name
        return [answer async for answer in self.intake.ImportCallFile(iter(requests))]


class Doors:
    """A running server, and clients of any tenant."""

    def __init__(self, server: GrpcServer, authority: LocalAuthority, folder: Path) -> None:
        self._server = server
        self._authority = authority
        self._folder = folder
        self.channels: list[Any] = []

    def client(self, tenant_id: str = "acme") -> Client:
        token_file = self._folder / f"{new_uuid()}.token"
        token_file.write_text(self._authority.mint("tester", tenant_id, SCOPES, HOUR_SECONDS))
        settings = CommonSettings(service_token_file=token_file)
        channel = connect(f"127.0.0.1:{self._server.port}", "tollbook.cdr.v1", settings)
        self.channels.append(channel)
        return Client(channel)


@asynccontextmanager
async def serving(database: Database, folder: Path) -> AsyncIterator[Doors]:
    """Serve what wiring puts together."""
    authority = LocalAuthority.open(folder / "authority")
    settings = CommonSettings(
        listen_address="127.0.0.1:0", trusted_keys_file=authority.trusted_keys_file
    )
    definition = wiring.build(Runtime("cdr", settings, {}, database))
    server = GrpcServer(definition.servicers, settings)
    await server.start()
    doors = Doors(server, authority, folder)
    try:
        yield doors
    finally:
        for channel in doors.channels:
            await channel.close()
        await server.drain(5)


def a_profile(**changes: Any) -> SourceProfile:
    profile = SourceProfile(
        time_zone="Europe/Amsterdam",
        country_code="31",
        national_prefix="0",
        international_prefixes=["00"],
        short_codes=["100"],
        emergency_numbers=["112"],
        line_rule=LineRule.LINE_RULE_SIP_USER,
        call_key_kind=CallKeyKind.CALL_KEY_KIND_SIP_CALL_ID,
        conflict_rule=ConflictRule.CONFLICT_RULE_SUSPEND,
    )
    for name, value in changes.items():
        setattr(profile, name, value)
    return profile

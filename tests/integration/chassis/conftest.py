"""Serves the tests' fraud service on loopback with a real database file."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.database.engine import Database
from chassis.database.schema import chassis_metadata
from chassis.grpc.client import connect
from chassis.grpc.server import GrpcServer
from chassis.security.authority import LocalAuthority
from chassis.settings import CommonSettings
from kernel.ids import new_uuid
from tests.integration.chassis.fraud_api import (
    FraudApi,
    Installation,
    fraud_metadata,
    servicers_of,
)
from tollbook.fraud.v1 import fraud_service_pb2_grpc

Connect = Callable[..., Any]


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'fraud.sqlite3'}"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url)
    chassis_metadata.create_all(database.engine)
    fraud_metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
async def installation(tmp_path: Path, database: Database) -> AsyncIterator[Installation]:
    authority = LocalAuthority.open(tmp_path / "authority")
    settings = CommonSettings(
        listen_address="127.0.0.1:0", trusted_keys_file=authority.trusted_keys_file
    )
    api = FraudApi(database)
    server = GrpcServer(servicers_of(api), settings)
    await server.start()
    yield Installation(api, server, authority, settings, tmp_path)
    api.released.set()
    await server.drain(5)


@pytest.fixture
async def channel(installation: Installation) -> AsyncIterator[grpc.aio.Channel]:
    """A bare channel, as any client in any language has."""
    async with grpc.aio.insecure_channel(installation.address) as channel:
        yield channel


@pytest.fixture
def tenant_stub(our_stub: Connect) -> Any:
    """A stub on one of our own channels, with a tenant's token."""
    return our_stub("acme")


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return fraud_service_pb2_grpc.FraudServiceStub(channel)


@pytest.fixture
async def our_stub(installation: Installation) -> AsyncIterator[Connect]:
    """Makes stubs on the chassis' own channels, with the token of a service."""
    channels: list[grpc.aio.Channel] = []

    def make(tenant_id: str = "*", token_file: Path | None = None) -> Any:
        if token_file is None:
            token_file = installation.folder / f"{new_uuid()}.token"
            token_file.write_text(installation.token(tenant_id))
        settings = CommonSettings(service_token_file=token_file)
        channel = connect(installation.address, "tollbook.fraud.v1", settings)
        channels.append(channel)
        return fraud_service_pb2_grpc.FraudServiceStub(channel)

    installation.api.neighbour = make()
    yield make
    for channel in channels:
        await channel.close()

"""The table of processes: what is started, in which order, and how one knows that it is ready."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import grpc
import sqlalchemy as sa
from grpc_health.v1 import health_pb2
from sqlalchemy.engine import make_url

from deploy.local import nats, postgresql
from deploy.local.installation import SERVICES, Installation
from deploy.local.ports import is_listening

PROBE_SECONDS_MAX = 2


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the installation."""

    name: str
    command: list[str]
    environment: dict[str, str]
    depends_on: tuple[str, ...]
    # Where it listens; nobody else may.
    port: int
    is_ready: Callable[[], bool]
    # Done before every start.
    before: Callable[[], None] = lambda: None
    # Done once it is ready, before what depends on it starts.
    after: Callable[[], None] = lambda: None
    user: int | None = None


def processes(installation: Installation) -> list[Process]:
    """Return every process in an order in which they can be started."""
    servers = []
    if installation.has_own_nats:
        servers.append(_nats(installation))
    if installation.database == "postgresql":
        servers.append(_postgresql(installation))
    needed = tuple(server.name for server in servers)
    if installation.has_own_gateway:
        servers.append(_gateway(installation))
    return servers + [_service(installation, name, needed) for name in SERVICES]


def _nats(installation: Installation) -> Process:
    return Process(
        name="nats",
        command=[str(nats.find_server()), "-c", str(installation.folder / "nats" / "nats.conf")],
        environment={},
        depends_on=(),
        port=installation.ports.nats,
        is_ready=lambda: is_listening(installation.ports.nats),
    )


def _postgresql(installation: Installation) -> Process:
    server = installation.postgresql_server
    return Process(
        name="postgresql",
        command=server.command(),
        environment={},
        depends_on=(),
        port=installation.ports.postgresql,
        is_ready=lambda: _answers(server.url),
        before=server.initialise,
        after=lambda: _create_databases(server.url),
        user=postgresql.server_user(),
    )


def _gateway(installation: Installation) -> Process:
    port = installation.ports.gateway
    file = installation.folder / "gateway.sqlite3"
    options = ["--port", str(port), "--file", str(file)]
    return Process(
        name="gateway",
        command=[sys.executable, "-m", "deploy.local.sandbox_gateway", *options],
        environment={},
        # Nobody waits for it: payment asks until it has an answer.
        depends_on=(),
        port=port,
        is_ready=lambda: is_listening(port),
    )


def _service(installation: Installation, name: str, needed: tuple[str, ...]) -> Process:
    return Process(
        name=name,
        command=[sys.executable, "-m", "cli.main", "serve", name],
        environment=installation.environment(name),
        depends_on=needed,
        port=getattr(installation.ports, name),
        is_ready=lambda: _is_serving(installation.address(name)),
    )


def _is_serving(address: str) -> bool:
    with grpc.insecure_channel(address) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            answer = check(health_pb2.HealthCheckRequest(), timeout=PROBE_SECONDS_MAX)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _answers(url: str) -> bool:
    engine = _administrator(url)
    try:
        with engine.connect():
            return True
    except sa.exc.OperationalError:
        return False
    finally:
        engine.dispose()


def _create_databases(url: str) -> None:
    engine = _administrator(url)
    with engine.connect() as connection:
        known = set(connection.execute(sa.text("SELECT datname FROM pg_database")).scalars())
        for name in SERVICES:
            if name not in known:
                connection.execute(sa.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()


def _administrator(url: str) -> sa.Engine:
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    return sa.create_engine(parsed, isolation_level="AUTOCOMMIT")

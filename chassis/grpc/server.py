"""Builds the gRPC server of a service: its doors, in the right order, and its graceful end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2_grpc

from chassis.grpc.access import (
    HEALTH_SERVICE,
    REFLECTION_SERVICE,
    Access,
    access_rules,
)
from chassis.grpc.contracts import package_of, timeouts_of
from chassis.grpc.doors import Doors
from chassis.grpc.transport import SERVER_OPTIONS, server_credentials
from chassis.security.identities import TrustedIdentities
from chassis.security.tokens import TokenVerifier, TrustedKeys
from chassis.settings import CommonSettings

CONCURRENT_CALLS_MAX = 1_000

_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_SERVING = health_pb2.HealthCheckResponse.SERVING
# What probes ask for when they don't name a service.
_WHOLE_SERVER = ""


class Servicer(NamedTuple):
    """An implementation, the generated function that adds it, and its full name in the contract."""

    add_to_server: Callable[[Any, Any], None]
    implementation: Any
    name: str

    @classmethod
    def of(cls, contract: ModuleType, name: str, implementation: object) -> Servicer:
        """The implementation of a service of a generated module, `..._pb2_grpc`."""
        add_to_server = getattr(contract, f"add_{name}Servicer_to_server")
        return cls(add_to_server, implementation, f"{contract.__package__}.{name}")


class GrpcServer:
    """The server of a service: not serving until started, nor once it drains."""

    def __init__(self, servicers: Sequence[Servicer], settings: CommonSettings) -> None:
        # What may be wrong with the settings is found before there is anything to tear down.
        credentials = server_credentials(settings)
        self._names = [servicer.name for servicer in servicers]
        self._health = health.aio.HealthServicer()
        self._server = grpc.aio.server(
            options=SERVER_OPTIONS, maximum_concurrent_rpcs=CONCURRENT_CALLS_MAX
        )
        doors = Doors(self._server, _access(self._names, settings), _timeouts(self._names))
        for servicer in (*servicers, *self._standard_servicers()):
            servicer.add_to_server(servicer.implementation, doors)
        self.port = self._listen(settings.listen_address, credentials)

    async def start(self) -> None:
        """Open the door, and say so once calls are answered."""
        await self._announce(_NOT_SERVING)
        await self._server.start()
        await self._announce(_SERVING)

    async def drain(self, grace_seconds: float) -> None:
        """Take no new calls, finish what runs within the grace, and end what is left then."""
        await self._health.enter_graceful_shutdown()
        await self._server.stop(grace_seconds)

    def _standard_servicers(self) -> tuple[Servicer, Servicer]:
        """What every gRPC server offers besides: health, and reflection on everything."""
        names = [*self._names, HEALTH_SERVICE, REFLECTION_SERVICE]
        return (
            Servicer(health_pb2_grpc.add_HealthServicer_to_server, self._health, HEALTH_SERVICE),
            Servicer(
                reflection_pb2_grpc.add_ServerReflectionServicer_to_server,
                reflection.aio.ReflectionServicer(names),
                REFLECTION_SERVICE,
            ),
        )

    async def _announce(self, status: int) -> None:
        for name in (_WHOLE_SERVER, *self._names):
            await self._health.set(name, status)

    def _listen(self, address: str, credentials: grpc.ServerCredentials | None) -> int:
        if credentials is None:
            return self._server.add_insecure_port(address)
        return self._server.add_secure_port(address, credentials)


def _access(names: Sequence[str], settings: CommonSettings) -> Access:
    keys = TrustedKeys(settings.trusted_keys_file)
    identities = TrustedIdentities.read(settings.trusted_identities_file)
    return Access(access_rules(names), TokenVerifier(keys).verify, identities.identify)


def _timeouts(names: Sequence[str]) -> Mapping[str, float]:
    packages = {package_of(name) for name in names}
    return {
        method: seconds for package in packages for method, seconds in timeouts_of(package).items()
    }

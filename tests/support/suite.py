"""The whole suite as its users meet it: the processes of `make run`, and stubs to call them."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal, TypeVar

import grpc.aio

from chassis.bus.subjects import producer_of
from chassis.grpc.client import connect
from chassis.settings import CommonSettings
from deploy.local.installation import (
    OPERATOR_SCOPES,
    SERVICE_SCOPES,
    SERVICES,
    Installation,
    Ports,
)
from deploy.local.supervisor import Supervisor
from kernel.ids import new_uuid
from tests.support.memory import memory_folder
from tollbook.operations.v1 import operations_service_pb2 as operations
from tollbook.operations.v1 import operations_service_pb2_grpc as operations_grpc

T = TypeVar("T")

FACT_SECONDS_MAX = 90.0
FACT_POLL_SECONDS = 0.1
# Everything that there is about one tenant, also what only services do.
TENANT_SCOPES = SERVICE_SCOPES["invoice"] | {
    scope for scope in OPERATOR_SCOPES if not scope.startswith("operations")
}


class Suite:
    """Every service running in processes of its own, with a folder of its own."""

    def __init__(self, folder: Path, database: Literal["sqlite", "postgresql"]) -> None:
        self.installation = Installation(folder, database, Ports.free())
        self.supervisor = Supervisor(self.installation)
        self._channels: dict[tuple[str, str], grpc.aio.Channel] = {}

    def stub(self, stub_class: Callable[[grpc.aio.Channel], T], tenant_id: str = "*") -> T:
        """Return a stub, as the operator of a tenant, or of the whole installation."""
        service = stub_class.__module__.split(".")[1]
        return stub_class(self.channel(service, tenant_id))

    def operations(self, service: str) -> operations_grpc.OperationsServiceStub:
        """Return a stub of a service's OperationsService."""
        return operations_grpc.OperationsServiceStub(self.channel(service, "*"))

    def channel(self, service: str, tenant_id: str) -> grpc.aio.Channel:
        """Return the channel to a service, as the operator of a tenant, or of everything."""
        key = (service, tenant_id)
        if key not in self._channels:
            settings = CommonSettings(service_token_file=self._token_file(tenant_id))
            address = self.installation.address(service)
            self._channels[key] = connect(address, f"tollbook.{service}.v1", settings)
        return self._channels[key]

    async def caught_up(self, consumer: str, *event_types: str) -> None:
        """Wait until a service has applied every event of these types that there is now."""
        positions = operations.GetEventPositionsRequest()
        expected: dict[tuple[str, int], int] = {}
        for producer in {producer_of(name) for name in event_types}:
            answer = await self.operations(producer).GetEventPositions(positions)
            heads = (p for p in answer.produced if p.event_type in event_types)
            expected |= {(head.event_type, head.partition): head.sequence for head in heads}

        async def missing() -> dict[tuple[str, int], int]:
            answer = await self.operations(consumer).GetEventPositions(positions)
            applied = {(p.event_type, p.partition): p.sequence for p in answer.consumed}
            return {at: last for at, last in expected.items() if applied.get(at, 0) < last}

        await fact(f"{consumer} has caught up", missing, lambda behind: not behind)

    def tollbook(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command as operators do."""
        addresses = {
            f"{name.upper()}_ADDRESS": self.installation.address(name) for name in SERVICES
        }
        return subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments],
            env={
                **os.environ,
                **addresses,
                "TOLLBOOK_DATA": str(self.installation.folder),
                # Wide enough that no table is folded.
                "COLUMNS": "300",
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def differences(self) -> str:
        """What `reconcile` finds missing, doubled or on its way; nothing if the services agree."""
        done = self.tollbook("reconcile", "--complete")
        return done.stdout + done.stderr if done.returncode else ""

    async def close(self) -> None:
        """Hang up and stop every process."""
        for channel in self._channels.values():
            await channel.close()
        self.supervisor.stop_all()

    def _token_file(self, tenant_id: str) -> Path:
        if tenant_id == "*":
            return self.installation.token_file("operator")
        file = self.installation.folder / f"{tenant_id}.token"
        if not file.exists():
            token = self.installation.tenant_token(tenant_id, f"billing@{tenant_id}", TENANT_SCOPES)
            file.write_text(token)
        return file


@asynccontextmanager
async def running_suite(
    database: Literal["sqlite", "postgresql"], in_memory: bool = False
) -> AsyncIterator[Suite]:
    """Start everything in a folder of its own, and stop it at the end.

    A folder in memory is faster, and for tests that don't measure writing.
    """
    with tempfile.TemporaryDirectory(
        prefix="tollbook-",
        dir=memory_folder() if in_memory else None,
        ignore_cleanup_errors=True,
    ) as folder:
        # PostgreSQL, started by root, runs as another user, who must be able to pass.
        os.chmod(folder, 0o755)  # noqa: PTH101 - pathlib is not for coroutines
        suite = Suite(Path(folder) / "data", database)
        try:
            await asyncio.to_thread(suite.supervisor.start_all)
            yield suite
        finally:
            await suite.close()


async def fact(
    what: str,
    look: Callable[[], Awaitable[T]],
    holds: Callable[[T], bool] = bool,
    seconds_max: float = FACT_SECONDS_MAX,
) -> T:
    """Look again and again until something holds; fail with what was seen last."""
    seen = await look()
    try:
        async with asyncio.timeout(seconds_max):
            while not holds(seen):
                await asyncio.sleep(FACT_POLL_SECONDS)
                seen = await look()
    except TimeoutError:
        raise AssertionError(f"not within {seconds_max} s: {what}; seen: {seen!r}") from None
    return seen


def request_id() -> str:
    """Return a fresh request id."""
    return new_uuid()


__all__ = ["SERVICES", "Suite", "fact", "request_id", "running_suite"]

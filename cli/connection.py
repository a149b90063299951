"""Where the services are and who is asking: from options and the environment, else `make run`'s."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import grpc.aio

from chassis.grpc.client import connect
from chassis.settings import CommonSettings, read_settings
from deploy.local.installation import SERVICES, Installation

DATA_VARIABLE = "TOLLBOOK_DATA"
TOKEN_VARIABLE = "TOLLBOOK_TOKEN_FILE"  # noqa: S105 - the name of a variable
NEIGHBOURS_VARIABLE = "NEIGHBOUR_ADDRESSES"
DATA_FOLDER = Path("data")


@dataclass(frozen=True, slots=True)
class Connection:
    """An operator's way to the services."""

    folder: Path
    settings: CommonSettings

    @asynccontextmanager
    async def channel(self, service: str) -> AsyncIterator[grpc.aio.Channel]:
        """A channel to a service, closed at the end."""
        target = self.settings.address_of(service)
        async with connect(target, f"tollbook.{service}.v1", self.settings) as channel:
            yield channel


def connection_from(
    folder: Path, token_file: Path | None, environment: Mapping[str, str] = os.environ
) -> Connection:
    """The connection to the suite whose data is in `folder`, as the environment changes it.

    RATING_ADDRESS and its like name services elsewhere, NEIGHBOUR_ADDRESSES all of them at once.
    """
    installation = Installation(folder)
    # SERVICE_TOKEN_FILE is a service's own token; here an operator is asking.
    token = token_file or installation.token_file("operator")
    settings = replace(read_settings(CommonSettings, environment), service_token_file=token)
    if not environment.get(NEIGHBOURS_VARIABLE):
        local = {service: installation.address(service) for service in SERVICES}
        settings = replace(settings, addresses={**local, **settings.addresses})
    return Connection(folder, settings)

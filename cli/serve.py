"""`tollbook serve` and `tollbook migrate`: one service in this process."""

import asyncio
import os
from importlib import import_module
from typing import Annotated

import typer

from chassis.service import Build, migrate_service
from chassis.service import serve as serve_until_stopped
from deploy.local.installation import SERVICES

ServiceName = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]


def serve(service: ServiceName) -> None:
    """Run a service until SIGTERM; its settings come from the environment."""
    asyncio.run(serve_until_stopped(service, _build_of(service), os.environ))


def migrate(service: ServiceName) -> None:
    """Bring a service's database to the schema of this version."""
    check_known(service)
    migrate_service(service, os.environ)


def _build_of(service: str) -> Build:
    """Only the service that runs is imported."""
    check_known(service)
    build: Build = import_module(f"services.{service}.wiring").build
    return build


def check_known(service: str) -> None:
    """Refuse the name of a service that there is not."""
    if service not in SERVICES:
        raise typer.BadParameter(f"{service!r} is no service; there are {', '.join(SERVICES)}")

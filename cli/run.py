"""`tollbook run`: the whole suite on this machine, with a sample operator."""

from enum import StrEnum
from typing import Annotated

import typer

from cli.connection import Connection
from deploy.local.installation import Installation


class Engine(StrEnum):
    """Where the services keep their data."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


def run(
    context: typer.Context,
    database: Annotated[Engine, typer.Option(help="Where services keep their data.")] = (
        Engine.SQLITE
    ),
) -> None:
    """Start everything, load the sample on the first start, and stay until Ctrl-C."""
    # No other command needs what this one imports, and each would start later for it.
    from cli.local_suite import run_suite  # noqa: PLC0415

    connection: Connection = context.obj
    raise typer.Exit(run_suite(Installation(connection.folder, database.value)))

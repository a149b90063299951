"""Arguments and options that several commands share."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from deploy.local.installation import SERVICES

ServiceName = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]
FileArgument = Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False)]
TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant that is meant.")]

ValidateOnlyOption = Annotated[
    bool, typer.Option("--validate-only", help="Check everything and keep nothing.")
]


def check_known(service: str) -> None:
    """Refuse the name of a service that there is not."""
    if service not in SERVICES:
        raise typer.BadParameter(f"{service!r} is no service; there are {', '.join(SERVICES)}")


def utc(moment: datetime | None) -> datetime | None:
    """A time from the command line, which names no zone: it is UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)

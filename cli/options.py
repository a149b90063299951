"""Options that several commands share."""

from datetime import UTC, datetime
from typing import Annotated

import typer

TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant that is meant.")]


def utc(moment: datetime | None) -> datetime | None:
    """A time from the command line, which names no zone: it is UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)

"""Arguments and options that several commands share."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from cli.output import MICRO_DECIMALS
from deploy.local.installation import SERVICES
from kernel.money import Money

ServiceName = Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")]
FileArgument = Annotated[Path, typer.Argument(help="The file.", exists=True, dir_okay=False)]
TenantOption = Annotated[str, typer.Option("--tenant", help="The tenant that is meant.")]

AccountOption = Annotated[str, typer.Option("--account", help="Code of the account.")]

ValidateOnlyOption = Annotated[
    bool, typer.Option("--validate-only", help="Check everything and keep nothing.")
]

_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?")


def amount_in(currency: str, text: str) -> Money:
    """An amount from the command line, exactly."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no amount of {currency} like 20 or 19.95")
    units, decimals = found[1], found[2] or ""
    return Money(currency, int(units + decimals.ljust(MICRO_DECIMALS, "0")))


def check_known(service: str) -> None:
    """Refuse the name of a service that there is not."""
    if service not in SERVICES:
        raise typer.BadParameter(f"{service!r} is no service; there are {', '.join(SERVICES)}")


def utc(moment: datetime | None) -> datetime | None:
    """A time from the command line, which names no zone: it is UTC."""
    return None if moment is None else moment.replace(tzinfo=UTC)

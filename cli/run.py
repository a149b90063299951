"""`tollbook run`: the whole suite on this machine with the sample operator, until Ctrl-C."""

import asyncio
import signal
import time
from enum import StrEnum
from typing import Annotated

import typer
from rich.table import Table

from cli.connection import Connection
from cli.output import amount_text, complain, console, report
from deploy.local.installation import SERVICES, Installation
from deploy.local.sample.loader import LoadedSample, load_sample
from deploy.local.sample.session import SampleError
from deploy.local.supervisor import ProcessDiedError, Supervisor

WATCH_SECONDS = 0.5
INVOICES_SHOWN = 6


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
    connection: Connection = context.obj
    installation = Installation(connection.folder, database.value)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    supervisor = Supervisor(installation)
    try:
        _start(supervisor)
        sample = asyncio.run(_load_watched(installation, supervisor))
        _show(installation, sample)
        _watch(supervisor)
    except KeyboardInterrupt:
        console.print()
    except (ProcessDiedError, SampleError) as error:
        complain(str(error))
        raise typer.Exit(1) from None
    finally:
        with console.status("Stopping …"):
            supervisor.stop_all()
        report("Stopped", f"the data is in {installation.folder}")


def _start(supervisor: Supervisor) -> None:
    begun = time.monotonic()
    with console.status(f"Starting {', '.join(supervisor.names)} …"):
        supervisor.start_all()
    seconds = round(time.monotonic() - begun)
    report("Started", f"{', '.join(supervisor.names)} in {seconds} s")


async def _load_watched(installation: Installation, supervisor: Supervisor) -> LoadedSample:
    """Load the sample, and give up at once when a process dies."""
    loading = asyncio.create_task(load_sample(installation, report))
    with console.status("Loading the sample operator …"):
        while not loading.done():
            await asyncio.wait([loading], timeout=WATCH_SECONDS)
            try:
                supervisor.check()
            except ProcessDiedError:
                loading.cancel()
                raise
    return loading.result()


def _watch(supervisor: Supervisor) -> None:
    while True:
        time.sleep(WATCH_SECONDS)
        supervisor.check()


def _show(installation: Installation, sample: LoadedSample) -> None:
    if sample.invoices:
        console.print(_invoice_table(sample))
    console.print(_endpoint_table(installation))
    console.print("[bold]Press Ctrl-C to stop.[/bold]")


def _invoice_table(sample: LoadedSample) -> Table:
    table = Table(title="Invoices to look at", title_justify="left", box=None, padding=(0, 2))
    for heading in ("tenant", "account", "total", "document"):
        table.add_column(heading, justify="right" if heading == "total" else "left", no_wrap=True)
    largest = sorted(sample.invoices, key=lambda each: -each.total.micros)[:INVOICES_SHOWN]
    for invoice in largest:
        total = amount_text(invoice.total)
        table.add_row(invoice.tenant_id, invoice.account_code, total, str(invoice.file))
    return table


def _endpoint_table(installation: Installation) -> Table:
    table = Table(title="Where they listen", title_justify="left", box=None, padding=(0, 2))
    table.add_column("service")
    table.add_column("address")
    for service in SERVICES:
        table.add_row(service, f"grpc://{installation.address(service)}")
    table.add_row("cdr (push)", installation.push_url)
    table.add_row("operator's token", str(installation.token_file("operator")))
    return table

"""The whole suite on this machine with the sample operator, until somebody stops it."""

import asyncio
import signal
import time

from cli.output import amount_text, complain, console, report
from deploy.local.installation import SERVICES, Installation
from deploy.local.sample.loader import LoadedSample, load_sample
from deploy.local.sample.session import SampleError
from deploy.local.supervisor import ProcessDiedError, Supervisor, SupervisorError
from kernel.errors import DomainError

WATCH_SECONDS = 0.5
INVOICES_SHOWN = 6


def run_suite(installation: Installation) -> int:
    """Start, load, show and watch; return the status to exit with."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    supervisor = Supervisor(installation)
    try:
        _start(supervisor)
        sample = asyncio.run(_load_watched(installation, supervisor))
        _show(installation, sample)
        _watch(supervisor)
    except KeyboardInterrupt:
        console.print()
    except (SupervisorError, SampleError, DomainError) as error:
        complain(str(error))
        return 1
    finally:
        with console.status("Stopping …"):
            supervisor.stop_all()
        report("Stopped", f"the data is in {installation.folder}")
    return 0


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
    """The largest invoices, then where everything listens; lines that can be copied whole."""
    largest = sorted(sample.invoices, key=lambda each: -each.total.micros)[:INVOICES_SHOWN]
    for invoice in largest:
        total = amount_text(invoice.total)
        _line(f"{invoice.tenant_id} {invoice.account_code}", f"{total:>12}  {invoice.file}")
    _headline("Listening, with the token in", str(installation.token_file("operator")))
    for service in SERVICES:
        _line(service, f"grpc://{installation.address(service)}")
    _line("cdr, pushes", installation.push_url)
    _line("rating, dial plans", installation.charging_url)
    _line("rating, RADIUS", installation.radius_address)
    if installation.has_own_gateway:
        _line("sandbox gateway", installation.gateway_url)
    _headline("Try", "tollbook reconcile, tollbook bill --tenant aurora --account A-1002")
    console.print("[bold]Press Ctrl-C to stop.[/bold]")


def _headline(topic: str, what: str) -> None:
    console.print(f"[bold]{topic}[/bold] {what}", soft_wrap=True)


def _line(name: str, what: str) -> None:
    console.print(f"    {name:<20} {what}", soft_wrap=True)

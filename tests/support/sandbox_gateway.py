"""The sandbox gateway inside a test, behind a real socket, and a tenant's key for it."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from deploy.local.ports import LOOPBACK
from deploy.local.sandbox_gateway.faults import Faults
from deploy.local.sandbox_gateway.gateway import SandboxGateway
from deploy.local.sandbox_gateway.server import application
from deploy.local.sandbox_gateway.store import Store
from kernel.money import Money
from services.payment.gateways.stripe import StripeGateway
from services.payment.gateways.stripe_amounts import from_stripe_amount

TENANT = "aurora"
CLIENT_SECONDS_MAX = 2
SLOW_SECONDS = 2 * CLIENT_SECONDS_MAX


class RunningGateway:
    """A sandbox gateway that answers, and what a client of it needs."""

    def __init__(self, sandbox: SandboxGateway, url: str, keys_dir: Path) -> None:
        self.sandbox = sandbox
        self.url = url
        self.keys_dir = keys_dir
        self.give_key(TENANT)

    def give_key(self, tenant_id: str) -> None:
        """Give a tenant a key, and with it an account of its own."""
        (self.keys_dir / f"stripe.{tenant_id}").write_text(f"sk_test_{tenant_id}_k1\n")

    def client(self) -> StripeGateway:
        """A client with the tenants' keys, as the service has it."""
        return StripeGateway(self.keys_dir, self.url, CLIENT_SECONDS_MAX)

    def taken(self, tenant_id: str = TENANT) -> list[Money]:
        """What was taken in all, an amount for each currency."""
        by_currency = self.sandbox.taken().get(tenant_id, {})
        return [from_stripe_amount(units, currency) for currency, units in by_currency.items()]


class MovableClock:
    """The time, and what a test has added to it."""

    def __init__(self) -> None:
        self.ahead_seconds = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_seconds


@asynccontextmanager
async def running_gateway(
    folder: Path, faults: Faults | None = None, clock: MovableClock | None = None
) -> AsyncIterator[RunningGateway]:
    """A sandbox gateway on a free port, which keeps what it knows in the folder."""
    store = Store(folder / "gateway.sqlite3")
    sandbox = SandboxGateway(store, faults, clock or time.time)
    runner = web.AppRunner(application(sandbox, SLOW_SECONDS), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, LOOPBACK, 0)
    await site.start()
    try:
        port = runner.addresses[0][1]
        yield RunningGateway(sandbox, f"http://{LOOPBACK}:{port}", folder)
    finally:
        await runner.cleanup()
        store.close()

"""A sandbox gateway behind a real socket, and the client that payment has."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.payment.gateways.stripe import StripeGateway
from tests.support.sandbox_gateway import MovableClock, RunningGateway, running_gateway


@pytest.fixture
def clock() -> MovableClock:
    """The gateway's clock."""
    return MovableClock()


@pytest.fixture
async def gateway(tmp_path: Path, clock: MovableClock) -> AsyncIterator[RunningGateway]:
    """The sandbox gateway, without faults that nobody asked for."""
    async with running_gateway(tmp_path, clock=clock) as running:
        yield running


@pytest.fixture
async def client(gateway: RunningGateway) -> AsyncIterator[StripeGateway]:
    """What payment asks it with."""
    client = gateway.client()
    yield client
    await client.close()

"""Real switches and clients, installed by `make peers`; tests that miss them are skipped."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.peers.exchange import Exchange
from tests.support.suite import running_suite

PROGRAMS = ("kamailio", "sipp", "radclient")
MODULES = ("acc_radius.so", "misc_radius.so", "http_client.so")


def missing_peers() -> list[str]:
    """What `make peers` would install."""
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    modules = {path.name for path in Path("/usr/lib").glob("*/kamailio/modules/*.so")}
    return missing + [f"kamailio's {name}" for name in MODULES if name not in modules]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def exchange() -> AsyncIterator[Exchange]:
    """A running suite with a tenant whose switch is here."""
    missing = missing_peers()
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; run make peers")
    async with running_suite("sqlite") as suite:
        exchange = Exchange(suite)
        await exchange.set_up()
        yield exchange

"""The running suites that the end-to-end tests share, each test with tenants of its own in them."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.support.suite import Suite, running_suite


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def sqlite_suite() -> AsyncIterator[Suite]:
    """The suite on SQLite, started once for all modules."""
    async with running_suite("sqlite", in_memory=True) as running:
        yield running


@pytest.fixture(scope="module")
def suite(sqlite_suite: Suite) -> Iterator[Suite]:
    """The running suite; nothing is missing in it when a module has passed."""
    yield sqlite_suite
    assert sqlite_suite.differences() == ""

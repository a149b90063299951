"""How the loader talks to the services: a channel each, ids that repeat, and waits with an end."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID, uuid5

import grpc.aio

from chassis.grpc.client import connect
from chassis.settings import CommonSettings
from deploy.local.installation import SERVICES, Installation

WAIT_SECONDS_MAX = 120
POLL_SECONDS = 0.1
# Requests under way at once: enough to keep the services busy, few enough to keep them awake.
REQUESTS_AT_ONCE_MAX = 8

# Part of the identity of everything that the loader creates: never changes.
_NAMESPACE = UUID("2b0c3f5e-8f5d-5f0a-b0a3-6a4f0f6d7c21")


T = TypeVar("T")


class SampleError(RuntimeError):
    """The sample cannot be loaded; the message says what was awaited and what came."""


@dataclass(frozen=True, slots=True)
class Session:
    """An operator's connections to the services of an installation."""

    installation: Installation
    # Tells the person who waits: a topic of a few words, and what was done.
    report: Callable[[str, str], None]
    channels: dict[str, grpc.aio.Channel]


@asynccontextmanager
async def session_with(
    installation: Installation, report: Callable[[str, str], None]
) -> AsyncIterator[Session]:
    """Connect as the operator."""
    settings = CommonSettings(service_token_file=installation.token_file("operator"))
    async with AsyncExitStack() as stack:
        channels = {}
        for service in SERVICES:
            channel = connect(installation.address(service), f"tollbook.{service}.v1", settings)
            channels[service] = await stack.enter_async_context(channel)
        yield Session(installation, report, channels)


def fixed_id(*parts: str) -> str:
    """An id of what these words name: the same in every run, so that a second run changes nothing.

    It serves as the id of a resource and as the request id of the request that makes it.
    """
    return str(uuid5(_NAMESPACE, "/".join(parts)))


async def until(fact: str, look: Callable[[], Awaitable[T | None]]) -> T:
    """Look again and again until there is something to see. SampleError when time is up."""
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while time.monotonic() < deadline:
        seen = await look()
        if seen is not None:
            return seen
        await asyncio.sleep(POLL_SECONDS)
    raise SampleError(f"after {WAIT_SECONDS_MAX} s still not: {fact}")

"""Messages between processes: lost, repeated, late, or sent to who is not there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import Context
from typing import Any

from tests.support.simulation.event_loop import Life, SimulatedLoop, current_life
from tests.support.simulation.faults import Faults

# What is on its way belongs to no process: it arrives although its sender has died.
_WIRE = Context()

Handler = Callable[[str, Any], Awaitable[Any]]


class UnreachableError(Exception):
    """Nobody listens, or no answer came in time: whether anything was done is unknown."""


class Replica:
    """One process of a service: a life at a time, with handlers that are made anew in each."""

    def __init__(self, name: str, loop: SimulatedLoop, begin: Callable[[], Handler]) -> None:
        self.name = name
        self.life = Life(name, is_over=True)
        self._loop = loop
        self._begin = begin
        self._handler: Handler | None = None

    def start(self) -> None:
        """Begin with an empty memory."""
        self.life = Life(self.name)
        self._handler = None
        self._loop.start(self.life, self._run)

    def kill(self) -> None:
        """Kill -9."""
        self.life.is_over = True

    async def _run(self) -> None:
        self._handler = self._begin()

    @property
    def is_listening(self) -> bool:
        return not self.life.is_over and self._handler is not None

    def handle(self, method: str, request: Any, answer: Callable[[Any], None]) -> None:
        """Work on a request; `answer` gets the result or the error."""
        assert self._handler is not None
        handler = self._handler

        async def work() -> None:
            try:
                answer(await handler(method, request))
            except Exception as error:  # noqa: BLE001 it is an answer too
                answer(error)

        self._loop.start(self.life, work)


class Network:
    """Carries requests to a service and answers back, as badly as its senders' luck has it."""

    def __init__(self, loop: SimulatedLoop) -> None:
        self._loop = loop
        self._services: dict[str, list[Replica]] = {}

    def add(self, service: str, replica: Replica) -> None:
        """Have a replica take part of a service's requests."""
        self._services.setdefault(service, []).append(replica)

    async def ask(
        self, service: str, method: str, request: Any, faults: Faults, seconds: float
    ) -> Any:
        """Ask any replica, and wait so long for the answer.

        Raises:
            UnreachableError: nobody answered in time.
        """
        answered = self._loop.create_future()
        sender = current_life()
        copies = 2 if faults.is_repeated() else 1
        for _ in range(copies):
            if not faults.is_lost():
                delay = faults.message_seconds()
                message = (service, method, request, faults, sender, answered)
                self._loop.call_later(delay, self._arrive, *message, context=_WIRE)
        try:
            async with asyncio.timeout(seconds):
                result = await answered
        except TimeoutError:
            raise UnreachableError(f"{service} {method}: no answer") from None
        if isinstance(result, Exception):
            raise result
        return result

    def _arrive(
        self, service: str, method: str, request: Any, faults: Faults, sender: Life, answered: Any
    ) -> None:
        listening = [each for each in self._services[service] if each.is_listening]
        if not listening:
            return
        replica = listening[faults.choice(len(listening))]

        def answer(result: Any) -> None:
            if not faults.is_lost():
                self._loop.call_later(faults.message_seconds(), deliver, result, context=_WIRE)

        def deliver(result: Any) -> None:
            if not sender.is_over and not answered.done():
                answered.set_result(result)

        replica.handle(method, request, answer)

"""One schedule's world: its time, luck, databases and processes, and the record of what happens."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.simulation.database import (
    DatabaseUnreachableError,
    SimulatedDatabase,
    Transaction,
)
from tests.support.simulation.event_loop import Life, SimulatedLoop, pass_time
from tests.support.simulation.faults import FaultRates, Faults
from tests.support.simulation.network import Handler, Network, Replica, UnreachableError
from tests.support.simulation.recount import ViolationError
from tests.support.simulation.scenario import Crash, Scenario

BEGINNING = datetime(2026, 3, 2, 12, tzinfo=UTC)
STEPS_MAX = 200_000
# How long a task of a replica may take before another one takes it up.
JOB_SECONDS_MAX = 5.0
JOB_REST_SECONDS = 1.0


class World:
    """What the actors of a schedule share."""

    def __init__(self, scenario: Scenario, is_traced: bool = False) -> None:
        self.scenario = scenario
        self.loop = SimulatedLoop(self._before_step)
        self.network = Network(self.loop)
        self.replicas: dict[str, Replica] = {}
        self.seen: Counter[str] = Counter()
        """How often what is worth testing has come about."""
        self.trace: list[str] | None = [] if is_traced else None
        self._violation: ViolationError | None = None
        self._deaths: dict[str, list[tuple[int, float]]] = {}
        self._steps: Counter[str] = Counter()
        for action in scenario.actions:
            if isinstance(action, Crash):
                self._deaths.setdefault(action.process, []).append((action.step, action.down))

    def now(self) -> datetime:
        """The time of day."""
        return BEGINNING + timedelta(seconds=self.loop.time())

    def luck(self, name: str) -> Faults:
        """The luck of one actor."""
        return Faults(self.scenario.seed, name, self.scenario.rates)

    def database(self, after_commit: Callable[[Transaction], None]) -> SimulatedDatabase:
        """A database whose every commit is looked at; what is wrong with one ends the schedule."""

        def look(transaction: Transaction) -> None:
            try:
                for note in transaction.facts:
                    note()
                after_commit(transaction)
            except ViolationError as violation:
                self.violate(violation)

        return SimulatedDatabase(look)

    def serve(self, service: str, name: str, begin: Callable[[], Handler]) -> None:
        """Run a replica of a service."""
        replica = Replica(name, self.loop, begin)
        self.replicas[name] = replica
        self.network.add(service, replica)
        replica.start()

    def spawn(self, name: str, work: Callable[[], Awaitable[Any]]) -> None:
        """Have an actor outside the suite do something; its failure is a violation."""

        async def watched() -> None:
            try:
                await work()
            except ViolationError as violation:
                self.violate(violation)
            except Exception as error:  # noqa: BLE001 nothing may fail unexpectedly
                self.violate(ViolationError(f"{name} failed: {error!r}"))

        self.loop.start(Life(name), watched)

    def later(
        self,
        seconds: float,
        service: str,
        method: str,
        request: Any,
        is_due: Callable[[], bool] = lambda: True,
    ) -> None:
        """Have some replica of a service do something by itself, until it is done once.

        `is_due` spares the asking when there is nothing to do any more.
        """
        faults = Faults(0, method, FaultRates())

        async def work() -> None:
            await pass_time(seconds)
            while is_due():
                try:
                    await self.network.ask(service, method, request, faults, JOB_SECONDS_MAX)
                except (UnreachableError, DatabaseUnreachableError):
                    await pass_time(JOB_REST_SECONDS)
                else:
                    return

        self.spawn(method, work)

    def end_service(self, service: str, down: float) -> None:
        """Kill all replicas of a service."""
        for name in self.replicas:
            if name.startswith(service):
                self._kill(name, down)

    def violate(self, violation: ViolationError) -> None:
        """End the schedule before the next step."""
        self._violation = self._violation or violation

    def note(self, kind: str, text: Callable[[], str]) -> None:
        """Count what happens, and write it down if somebody wants to read it."""
        self.seen[kind] += 1
        if self.trace is not None:
            self.trace.append(f"{self.loop.time():10.3f} {text()}")

    def run(self) -> None:
        """Go on until nothing is left to do.

        Raises:
            ViolationError: what must never be has come about.
        """
        try:
            if not self.loop.run(STEPS_MAX):
                raise ViolationError(f"there is no end to it within {STEPS_MAX} steps")
        finally:
            self.loop.close()
        if self._violation is not None:
            raise self._violation

    def _before_step(self, life: Life) -> None:
        if self._violation is not None:
            raise self._violation
        if life.name not in self._deaths:
            return
        self._steps[life.name] += 1
        for step, down in self._deaths[life.name]:
            if step == self._steps[life.name]:
                self._kill(life.name, down)

    def _kill(self, name: str, down: float) -> None:
        replica = self.replicas[name]
        if replica.life.is_over:
            return
        replica.kill()
        self.note("crash", lambda: f"{name} dies")
        self.loop.call_later(down, self._start_again, replica)

    def _start_again(self, replica: Replica) -> None:
        self.note("restart", lambda: f"{replica.name} is back")
        replica.start()

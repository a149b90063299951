"""The simulator itself: what is killed does nothing more, what was committed or sent stays."""

import pytest

from tests.support.simulation.database import SimulatedDatabase, Transaction
from tests.support.simulation.event_loop import Life, SimulatedLoop, pass_time
from tests.support.simulation.faults import FaultRates, Faults
from tests.support.simulation.network import Network, Replica, UnreachableError

LUCK = Faults(1, "client", FaultRates())
STEPS_MAX = 10_000


def _put(number: int) -> object:
    def work(transaction: Transaction) -> None:
        transaction.put("numbers", number, row=number)

    return work


class World:
    """A client, one replica of a service, and its database."""

    def __init__(self, dies_at_step: int | None = None) -> None:
        self.dies_at_step = dies_at_step
        self.loop = SimulatedLoop(self._before_step)
        self.database = SimulatedDatabase(lambda transaction: None)
        self.network = Network(self.loop)
        self.replica = Replica("numbers-0", self.loop, lambda: self._store)
        self.network.add("numbers", self.replica)
        self.heard: list[object] = []

    def run(self) -> list[int]:
        """What is committed after one request."""
        self.replica.start()
        self.loop.start(Life("client"), self._ask)
        assert self.loop.run(STEPS_MAX)
        self.loop.close()
        return [row for _, row in self.database.look().rows("numbers")]

    async def _ask(self) -> None:
        await pass_time(0.1)
        try:
            self.heard.append(await self.network.ask("numbers", "put", 7, LUCK, seconds=1.0))
        except UnreachableError:
            self.heard.append(None)

    async def _store(self, method: str, request: int) -> int:
        await self.database.write(LUCK, _put(request))  # type: ignore[arg-type]
        return request

    def _before_step(self, life: Life) -> None:
        if life is self.replica.life:
            life.steps += 1
            life.is_over = life.steps == self.dies_at_step


def test_what_nobody_kills_answers() -> None:
    """The request is worked on once, and its answer arrives."""
    world = World()
    assert world.run() == [7]
    assert world.heard == [7]


def test_a_crash_leaves_what_was_committed_and_nothing_else() -> None:
    """Dying between two steps, a process has committed all or nothing, and answers no more."""
    outcomes = set()
    for step in range(1, 12):
        world = World(dies_at_step=step)
        outcomes.add((tuple(world.run()), tuple(world.heard)))
    assert outcomes == {((), (None,)), ((7,), (None,)), ((7,), (7,))}


def test_time_passes_only_when_everybody_waits() -> None:
    """A day of waiting takes no time."""
    loop = SimulatedLoop(lambda life: None)
    woken: list[float] = []

    async def sleep() -> None:
        await pass_time(86_400)
        woken.append(loop.time())

    loop.start(Life("sleeper"), sleep)
    assert loop.run(STEPS_MAX)
    assert woken == [86_400]


def test_a_transaction_that_fails_changes_nothing() -> None:
    """An error in the middle of the work takes back what the work had done."""
    database = SimulatedDatabase(lambda transaction: None)

    def work(transaction: Transaction) -> None:
        transaction.put("numbers", 1, row=1)
        raise ValueError("whole or nothing")

    with pytest.raises(ValueError, match="whole"):
        database.commit(work)
    assert not list(database.look().rows("numbers"))

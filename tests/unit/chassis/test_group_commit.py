"""Group commit: concurrent requests share a batch, and each gets its own answer."""

import asyncio
from collections.abc import Sequence

import pytest

from chassis.group_commit import GroupCommit


class _Doubling:
    """Doubles numbers a batch at a time, when it is let; remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.allowed = asyncio.Event()

    async def work(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        await self.allowed.wait()
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


async def test_what_arrives_during_a_batch_is_the_next_batch() -> None:
    """Whoever comes first is served at once; the others are served together, in their order."""
    doubling = _Doubling()
    group = GroupCommit(doubling.work, batch_max=3)
    first = asyncio.create_task(group.do(1))
    while not doubling.batches:
        await asyncio.sleep(0)
    asked: list[int] = []

    async def ask(number: int) -> int:
        asked.append(number)
        return await group.do(number)

    others = [asyncio.create_task(ask(number)) for number in (2, 3, 4, 5)]
    while len(asked) < len(others):
        await asyncio.sleep(0)
    doubling.allowed.set()
    assert await asyncio.gather(first, *others) == [2, 4, 6, 8, 10]
    assert doubling.batches == [[1], [2, 3, 4], [5]]


async def test_a_failed_batch_fails_those_in_it_and_nobody_else() -> None:
    """Everyone in a batch hears of its failure; the next batch is worked on as usual."""
    doubling = _Doubling()
    doubling.allowed.set()
    group = GroupCommit(doubling.work, batch_max=2)
    results = await asyncio.gather(*map(group.do, (13, 1, 4)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError, int]


async def test_whoever_gives_up_before_its_batch_is_not_worked_on() -> None:
    """A request whose deadline has passed while it waited takes no work from others."""
    doubling = _Doubling()
    group = GroupCommit(doubling.work, batch_max=10)
    first = asyncio.create_task(group.do(1))
    while not doubling.batches:
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(group.do(2), 0.01)
    doubling.allowed.set()
    assert await first == 2
    assert await group.do(3) == 6
    assert doubling.batches == [[1], [3]]


async def test_batches_of_what_is_in_no_hurry_begin_apart() -> None:
    """The first is worked on at once; what comes soon after it shares the next batch."""
    doubling = _Doubling()
    doubling.allowed.set()
    group = GroupCommit(doubling.work, batch_max=10, apart_seconds=0.05)
    begin = asyncio.get_running_loop().time()
    assert await group.do(1) == 2
    assert await asyncio.gather(*map(group.do, (2, 3))) == [4, 6]
    assert doubling.batches == [[1], [2, 3]]
    assert asyncio.get_running_loop().time() - begin >= 0.05


async def test_a_full_batch_waits_no_longer() -> None:
    """However much comes, as much of it is worked on as without a time apart."""
    doubling = _Doubling()
    doubling.allowed.set()
    group = GroupCommit(doubling.work, batch_max=2, apart_seconds=3_600)
    assert await group.do(1) == 2
    async with asyncio.timeout(10):
        assert await asyncio.gather(*map(group.do, (2, 3, 4, 5))) == [4, 6, 8, 10]
    assert doubling.batches == [[1], [2, 3], [4, 5]]

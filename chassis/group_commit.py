"""Group commit: what arrives while one batch is being worked on is the next batch."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, NamedTuple, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


async def together_or_alone(
    work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
    items: Sequence[Item],
    passing: tuple[type[Exception], ...],
) -> list[Result | Exception]:
    """What work makes of items together, or else of each alone: then an error is its item's own.

    `passing` errors are everybody's: with them, each alone would fail as well.
    """
    try:
        return [*await work(items)]
    except passing as error:
        return [error] * len(items)
    except Exception as error:  # noqa: BLE001 whoever asked hears of it
        if len(items) == 1:
            return [error]
    return [each for item in items for each in await together_or_alone(work, [item], passing)]


class _Waiting(NamedTuple, Generic[Item, Result]):
    item: Item
    result: asyncio.Future[Result]


class GroupCommit(Generic[Item, Result]):
    """Gathers what concurrent callers ask and answers each, a batch at a time.

    Nobody waits for a batch to fill: an item that finds nothing running is a batch by itself, and
    under load batches grow by themselves. A caller that gives up (a deadline) is not waited for;
    its item may be worked on all the same.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]],
        batch_max: int,
        apart_seconds: float = 0.0,
    ) -> None:
        """`work` answers a batch, in its order; if it fails, everybody in the batch hears that.

        Batches that are not full begin at least `apart_seconds` apart: for work of which a batch
        costs much more than its items, and for which nobody is in a hurry.
        """
        self._work = work
        self._batch_max = batch_max
        self._apart_seconds = apart_seconds
        self._begun = float("-inf")
        self._waiting: list[_Waiting[Item, Result]] = []
        self._running: asyncio.Task[None] | None = None

    async def do(self, item: Item) -> Result:
        """Have an item worked on, together with what else is waiting."""
        waiting: _Waiting[Item, Result] = _Waiting(item, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._running is None:
            # A batch belongs to many: neither caller nor deadline of the first hold for all.
            self._running = asyncio.create_task(self._run(), context=Context())
        return await waiting.result

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._turn()
                batch = self._waiting[: self._batch_max]
                del self._waiting[: self._batch_max]
                # Whoever has given up meanwhile needs no work.
                await self._answer([each for each in batch if not each.result.done()])
        finally:
            self._running = None

    async def _turn(self) -> None:
        """Wait until the next batch may begin."""
        if not self._apart_seconds:
            return
        loop = asyncio.get_running_loop()
        wait = self._begun + self._apart_seconds - loop.time()
        if wait > 0 and len(self._waiting) < self._batch_max:
            await asyncio.sleep(wait)
        self._begun = loop.time()

    async def _answer(self, batch: list[_Waiting[Item, Result]]) -> None:
        if not batch:
            return
        try:
            results = await self._work([each.item for each in batch])
        except Exception as error:  # noqa: BLE001 everybody who waits hears of it
            for each in batch:
                if not each.result.done():
                    each.result.set_exception(error)
            return
        for each, result in zip(batch, results, strict=True):
            if not each.result.done():
                each.result.set_result(result)

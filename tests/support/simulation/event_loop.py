"""A deterministic event loop: simulated time, and processes that can die between any two steps."""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from typing import Any


@dataclass(slots=True, eq=False)
class Life:
    """One run of a process, from its start to its end: what it has in memory ends with it."""

    name: str
    is_over: bool = False
    steps: int = 0
    """How often it has run so far; between two steps it waits for something."""


_LIFE: ContextVar[Life] = ContextVar("life")


def current_life() -> Life:
    """The process that is running."""
    return _LIFE.get()


async def pass_time(seconds: float) -> None:
    """Let simulated time pass, which takes no time."""
    loop = asyncio.get_running_loop()
    passed = loop.create_future()
    timer = loop.call_later(seconds, passed.set_result, None)
    try:
        await passed
    finally:
        timer.cancel()


class _Step:
    """What runs until it waits again. A step of a process that has died is never run."""

    __slots__ = ("_arguments", "_callback", "_context", "_time", "is_cancelled", "life")

    def __init__(
        self, callback: Callable[..., Any], arguments: Any, context: Context, time: float
    ) -> None:
        self._callback = callback
        self._arguments = arguments
        self._context = context
        self._time = time
        self.is_cancelled = False
        self.life = context.get(_LIFE)

    def run(self) -> None:
        self._context.run(self._callback, *self._arguments)

    def cancel(self) -> None:
        self.is_cancelled = True

    def cancelled(self) -> bool:
        return self.is_cancelled

    def when(self) -> float:
        return self._time


class SimulatedLoop:
    """Runs the real code of several processes in one thread; time passes when all wait.

    Every task, future and timer of asyncio works on it as on any loop, so the code under test is
    the code that serves. Nothing here is random: what is comes from those who say how long.
    """

    def __init__(self, before_step: Callable[[Life], None]) -> None:
        """`before_step` is told which process goes on, and may end its life."""
        self._before_step = before_step
        # To asyncio it is a loop: it has all that futures, tasks and timers ask for.
        self._as_loop: Any = self
        self._ready: deque[_Step] = deque()
        self._timers: list[tuple[float, int, _Step]] = []
        self._timer_count = 0
        self._now = 0.0
        self._kept: list[asyncio.Task[Any]] = []

    def start(self, life: Life, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
        """Have a process do something."""
        context = copy_context()
        context.run(_LIFE.set, life)
        self.call_soon(lambda: self.create_task(work()), context=context)

    def run(self, steps_max: int) -> bool:
        """Go on until nothing is left to do; False when that takes more than so many steps."""
        asyncio._set_running_loop(self._as_loop)
        try:
            for _ in range(steps_max):
                if not self._run_next():
                    return True
        finally:
            asyncio._set_running_loop(None)
        return False

    def close(self) -> None:
        """Let go of what was still waiting when its process died, or the schedule ended."""
        for task in self._kept:
            if not task.done():
                with suppress(RuntimeError):  # it would wait for something once more
                    task.get_coro().close()
        self._kept.clear()
        self._ready.clear()
        self._timers.clear()

    def _run_next(self) -> bool:
        if self._ready:
            step = self._ready.popleft()
        elif self._timers:
            time, _, step = heapq.heappop(self._timers)
            if step.is_cancelled:
                return True
            self._now = time
        else:
            return False
        life = step.life
        if life is not None and not life.is_over:
            self._before_step(life)
        if not step.is_cancelled and (life is None or not life.is_over):
            step.run()
        return True

    # What asyncio asks of a loop.

    def time(self) -> float:
        return self._now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self._as_loop)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self._as_loop, **options)
        # A task of a dead process must not be tidied up in the middle of the schedule.
        self._kept.append(task)
        return task

    def call_soon(self, callback: Any, *args: Any, context: Context | None = None) -> _Step:
        step = _Step(callback, args, context or copy_context(), self._now)
        self._ready.append(step)
        return step

    def call_later(
        self, delay: float, callback: Any, *args: Any, context: Context | None = None
    ) -> _Step:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Any, *args: Any, context: Context | None = None
    ) -> _Step:
        step = _Step(callback, args, context or copy_context(), when)
        self._timer_count += 1
        heapq.heappush(self._timers, (when, self._timer_count, step))
        return step

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tasks that died with their process are no news; whoever starts work hears its errors."""

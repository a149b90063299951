"""Runs schedules by their seeds, on all cores; a failing one is made small and told as a story."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

from tests.support.simulation.recount import ViolationError
from tests.support.simulation.scenario import Scenario, draw
from tests.support.simulation.schedule import Schedule
from tests.support.simulation.shrinking import shrink

SCHEDULES_A_PART = 500
WORKERS = 2

Run = Callable[[Scenario], Counter[str]]


class Failure(NamedTuple):
    """A schedule that ended in what must never be."""

    seed: int
    problem: str


def run(scenario: Scenario) -> Counter[str]:
    """Run one schedule; what was seen. Raises ViolationError."""
    return Schedule(scenario).run()


def first_failure(seeds: range) -> Failure | None:
    """The first schedule that fails."""
    for seed in seeds:
        if (problem := problem_of(draw(seed))) is not None:
            return Failure(seed, problem)
    return None


def problem_of(scenario: Scenario) -> str | None:
    """What goes wrong in a schedule; None when nothing does."""
    try:
        run(scenario)
    except ViolationError as violation:
        return str(violation)
    return None


def search(first: int, count: int) -> Iterator[int | Failure]:
    """Run schedules on all cores: how many are done, time and again; a failure ends it."""
    parts = [
        range(begin, min(begin + SCHEDULES_A_PART, first + count))
        for begin in range(first, first + count, SCHEDULES_A_PART)
    ]
    done = 0
    with ProcessPoolExecutor(WORKERS, initializer=partial(logging.disable, logging.ERROR)) as pool:
        for part, failure in zip(parts, pool.map(first_failure, parts), strict=True):
            if failure is not None:
                pool.shutdown(cancel_futures=True)
                yield failure
                return
            done += len(part)
            yield done


def story(seed: int) -> str:
    """A failing schedule, as small as it gets: what was planned, what happened, what is wrong."""
    scenario = shrink(draw(seed), lambda smaller: problem_of(smaller) is not None)
    schedule = Schedule(scenario, is_traced=True)
    try:
        schedule.run()
    except ViolationError as violation:
        end = str(violation)
    else:
        end = "nothing is wrong"
    planned = (f"    {action}" for action in scenario.actions)
    happened = schedule.world.trace or []
    return "\n".join(
        [
            f"SEED={seed}",
            f"    {scenario.tenant}",
            f"    {scenario.rates}",
            *planned,
            *happened,
            end,
        ]
    )

"""What a service does by itself is done again and again, whatever becomes of it once."""

import asyncio
import logging

import pytest

from chassis.background import keep_doing


async def test_a_job_that_fails_is_told_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    """The database is away for two rounds; the third finds it."""
    rounds: list[int] = []
    is_done = asyncio.Event()

    async def expire_holds() -> None:
        rounds.append(len(rounds))
        if len(rounds) < 3:
            raise ConnectionError("the database is away")
        is_done.set()

    with caplog.at_level(logging.ERROR):
        job = asyncio.create_task(keep_doing("expiry of holds", expire_holds, pause_seconds=0))
        await is_done.wait()
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
    assert job.cancelled()
    assert [record.getMessage() for record in caplog.records] == [
        "expiry of holds: failed, and is tried again in 0 s"
    ] * 2

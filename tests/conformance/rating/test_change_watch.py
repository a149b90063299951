"""All that is in memory heeds the same look at the database; no answer comes from before it."""

import asyncio
from datetime import datetime

import pytest
from sqlalchemy import Connection, text

from chassis.database.engine import Database
from services.rating.usecases.change_watch import ChangeWatch, Read


class Memory:
    """Remembers what it was told; some news it cannot take."""

    def __init__(self, watch: ChangeWatch) -> None:
        self.heeded: list[int] = []
        self.is_confused = False
        watch.tell(self._reads, self._heed)

    def _reads(self) -> Read[int]:
        def read(connection: Connection, _since: datetime) -> int:
            return int(connection.execute(text("SELECT count(*) FROM account")).scalar_one())

        return read

    async def _heed(self, news: int) -> None:
        if self.is_confused:
            raise LookupError(news)
        self.heeded.append(news)


async def test_whoever_waits_for_a_look_shares_it(database: Database) -> None:
    """Of many that ask at once the first looks; those that came before its begin look once more."""
    watch = ChangeWatch(database)
    memories = [Memory(watch), Memory(watch)]
    await asyncio.gather(*(watch.catch_up() for _ in range(10)))
    assert memories[0].heeded == memories[1].heeded
    assert len(memories[0].heeded) <= 2
    assert watch.is_fresh()


async def test_what_was_stored_here_counts_before_the_next_answer(database: Database) -> None:
    """Whatever was heard a moment ago."""
    watch = ChangeWatch(database)
    memory = Memory(watch)
    await watch.catch_up()
    watch.doubt()
    assert not watch.is_fresh()
    await watch.catch_up()
    assert (watch.is_fresh(), len(memory.heeded)) == (True, 2)


async def test_news_that_were_not_heeded_are_news_again(database: Database) -> None:
    """One memory fails: nothing is fresh until all have heeded a look."""
    watch = ChangeWatch(database)
    memory, other = Memory(watch), Memory(watch)
    memory.is_confused = True
    with pytest.raises(LookupError):
        await watch.catch_up()
    assert not watch.is_fresh()
    memory.is_confused = False
    await watch.catch_up()
    assert watch.is_fresh()
    assert memory.heeded == other.heeded[-1:]

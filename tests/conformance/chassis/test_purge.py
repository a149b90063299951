"""Logs are kept as long as somebody may need them, and no longer."""

from datetime import datetime, timedelta

import sqlalchemy as sa

from chassis.bus import outbox
from chassis.bus.broker import DEAD_LETTER_AGE_SECONDS_MAX, EVENT_STREAM_AGE_SECONDS_MAX
from chassis.database.engine import Database
from chassis.database.schema import inbox_table, outbox_head_table, outbox_table, request_table
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import utc_now

DAY = timedelta(days=1)
OLD_COUNT = outbox.PURGE_ROWS_MAX + 500


def test_the_inbox_remembers_longer_than_anything_can_come_again() -> None:
    """An event replayed on its last day stays in the stream for as long as a stream keeps it."""
    source = max(outbox.OUTBOX_RETENTION, timedelta(seconds=DEAD_LETTER_AGE_SECONDS_MAX))
    last_arrival = source + timedelta(seconds=EVENT_STREAM_AGE_SECONDS_MAX)
    assert last_arrival < outbox.INBOX_RETENTION


async def test_a_purge_keeps_what_is_new_and_what_is_not_published(database: Database) -> None:
    """Old events go once the broker has them, in rounds of a bounded size."""
    old = utc_now() - outbox.OUTBOX_RETENTION - DAY

    def fill(unit_of_work: UnitOfWork) -> None:
        log = [event(1, number, old) for number in range(1, OLD_COUNT + 1)]
        log += [event(1, OLD_COUNT + 1, utc_now()), event(2, 1, old)]
        unit_of_work.connection.execute(sa.insert(outbox_table), log)
        published = sa.update(outbox_head_table).where(outbox_head_table.c.partition == 1)
        unit_of_work.connection.execute(published.values(published_sequence=OLD_COUNT + 1))

    await database.write(fill)
    rounds = [await database.write(outbox.purge) for _ in range(3)]
    assert rounds == [outbox.PURGE_ROWS_MAX, OLD_COUNT - outbox.PURGE_ROWS_MAX, 0]
    left = sa.select(outbox_table.c.partition, outbox_table.c.sequence)
    rows = await database.read(lambda c: {tuple(row) for row in c.execute(left)})
    assert rows == {(1, OLD_COUNT + 1), (2, 1)}


async def test_a_purge_forgets_old_deliveries_and_old_requests(database: Database) -> None:
    """What can no longer be repeated need not be known."""

    def fill(unit_of_work: UnitOfWork) -> None:
        for number, age in enumerate([outbox.INBOX_RETENTION + DAY, DAY]):
            moment = unit_of_work.now - age
            unit_of_work.connection.execute(sa.insert(inbox_table), delivery(number, moment))
            unit_of_work.connection.execute(sa.insert(request_table), request(number, moment))

    await database.write(fill)
    assert await database.write(outbox.purge) == 2
    sequences = sa.select(inbox_table.c.sequence)
    assert await database.read(lambda c: list(c.execute(sequences).scalars())) == [1]
    requests = sa.select(request_table.c.request_id)
    assert await database.read(lambda c: list(c.execute(requests).scalars())) == ["1"]


def event(partition: int, sequence: int, commit_time: datetime) -> dict[str, object]:
    return {
        "partition": partition, "sequence": sequence, "event_type": "tollbook.fraud.v1.X",
        "tenant_id": "aurora", "body": b"", "commit_time": commit_time, "traceparent": "",
    }  # fmt: skip


def delivery(sequence: int, apply_time: datetime) -> dict[str, object]:
    return {
        "producer": "fraud", "partition": 1, "sequence": sequence, "body_digest": bytes(16),
        "apply_time": apply_time,
    }  # fmt: skip


def request(number: int, create_time: datetime) -> dict[str, object]:
    return {
        "tenant_id": "aurora", "method": "m", "request_id": str(number), "caller": "c",
        "input_hash": bytes(32), "response": b"", "create_time": create_time,
    }  # fmt: skip

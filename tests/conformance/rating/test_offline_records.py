"""Whatever one answer of an outage is, all others are stored, and it is not lost."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kernel.ids import new_uuid
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.offline import CLOSE_SEQUENCE, OfflineAnswer
from services.rating.domain.charging.requests import OpenRequest
from services.rating.store.spool import REFUSED_SUFFIX, SUFFIX, Spool
from services.rating.usecases.charging import keep_sessions
from services.rating.usecases.charging.keep_sessions import forget_old_sessions
from tests.conformance.rating.outage_replica import (
    ALLOWANCE_SECONDS,
    ALLOWED,
    DENIED,
    FailingFunds,
    Replica,
    hanging,
    verdict,
)

# The last second of the year 9999: a call that began then ends when no calendar goes.
LAST_MICROS = 253_402_300_799_000_000
STORED_SECONDS_MAX = 30
REFUSED_DOCUMENT = b'"verdict":2'


def folder_of(replica: Replica, suffix: str) -> list[Path]:
    """The files of a kind in the folder of a spool."""
    return list(replica.spool.folder.glob("*" + suffix))


async def until_stored(replica: Replica) -> None:
    """Let the background do its work, which must outlive whatever it finds."""
    watch = asyncio.create_task(replica.records.watch())
    async with asyncio.timeout(STORED_SECONDS_MAX):
        while folder_of(replica, SUFFIX) and not watch.done():
            await asyncio.sleep(0.01)
    assert not watch.done(), watch
    watch.cancel()
    with suppress(asyncio.CancelledError):
        await watch


async def test_an_answer_that_can_never_be_stored_stops_no_other(replica: Replica) -> None:
    """Not those before it, not those behind it; it is put aside as it was."""
    await replica.open("good")
    far = replica.plain.call(call_key="far", start_micros=LAST_MICROS)
    with hanging(replica.desk.database):
        assert verdict(await replica.extend("good", 1, 50)) == ALLOWED
        await replica.close("far", 60, far)
        await replica.close("good", 60)
    await until_stored(replica)
    assert {each[:2] for each in await replica.recorded()} == {
        ("good", 1),
        ("good", CLOSE_SEQUENCE),
    }
    assert await replica.desk.deltas() == [60_000]
    [aside] = folder_of(replica, REFUSED_SUFFIX)
    assert b'"session_id":"far"' in aside.read_bytes()
    assert b'"session_id":"good"' not in aside.read_bytes()


async def test_an_answer_that_no_database_can_store_is_put_aside(replica: Replica) -> None:
    """As text that is none: its session comes to nothing, the others go on."""
    answer = Answer("half \ud800", 0, *ALLOWED, granted_seconds=45)
    request = OpenRequest(answer.session_id, replica.plain.call())
    desk = replica.desk
    with hanging(desk.database):
        bad = OfflineAnswer(desk.tenant_id, desk.account_id, request, answer, answer_micros=1)
        assert await replica.records.keep(bad, seconds=STORED_SECONDS_MAX)
        assert verdict(await replica.open("good")) == ALLOWED
    await until_stored(replica)
    assert [each[:2] for each in await replica.recorded()] == [("good", 0)]
    assert len(folder_of(replica, REFUSED_SUFFIX)) == 1


async def test_a_record_of_a_later_version_is_kept_as_it_is(
    replica: Replica, funds: FailingFunds
) -> None:
    """Its file under the name of a segment is one, for a process to take up that can read it."""
    record = b'{"kind":"of a later version"}'
    with hanging(replica.desk.database):
        await replica.open("good")
    assert replica.spool.append([record])
    await until_stored(replica)
    [aside] = folder_of(replica, REFUSED_SUFFIX)
    aside.rename(aside.with_suffix(SUFFIX))
    [segment] = Spool(replica.spool.folder).take()
    assert segment.records == [record]
    segment.close()
    successor = Replica(replica.desk, funds, Spool(replica.spool.folder))
    await until_stored(successor)
    assert len(folder_of(successor, REFUSED_SUFFIX)) == 1


async def test_what_was_put_aside_is_stored_once_its_cause_is_gone(
    replica: Replica, funds: FailingFunds
) -> None:
    """An end came before its account was announced; now the call is charged."""
    desk, late = replica.desk, new_uuid()
    with hanging(desk.database):
        await replica.close("s", 60, replica.plain.call(call_key="s", account_id=late))
    await until_stored(replica)
    [aside] = folder_of(replica, REFUSED_SUFFIX)
    await desk.know_account(late)
    await desk.subscribe(late)
    aside.rename(aside.with_suffix(SUFFIX))
    successor = Replica(desk, funds, Spool(replica.spool.folder))
    await until_stored(successor)
    assert await desk.deltas() == [60_000]
    assert folder_of(successor, REFUSED_SUFFIX) == []


async def test_a_process_that_finds_a_bad_answer_starts_and_goes_on(
    replica: Replica, funds: FailingFunds
) -> None:
    """However often: what an earlier process left is stored but for the bad one."""
    far = replica.plain.call(call_key="far", start_micros=LAST_MICROS)
    with hanging(replica.desk.database):
        await replica.close("far", 60, far)
        await replica.open("good")
    for segment in replica.spool.take():
        segment.close()
    for _ in range(2):
        successor = Replica(replica.desk, funds, Spool(replica.spool.folder))
        await until_stored(successor)
        assert [each[:2] for each in await successor.recorded()] == [("good", 0)]
        assert len(folder_of(successor, REFUSED_SUFFIX)) == 1


@contextmanager
def hanging_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let whoever wants to have something safe on the disk wait."""
    goes_on, fsync = threading.Event(), os.fsync

    def wait(handle: int) -> None:
        goes_on.wait()
        fsync(handle)

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", wait)
        yield
        goes_on.set()


async def test_what_was_on_disk_too_late_grants_nothing(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its switch was refused: there is no session, and that is what is on record."""
    ids = [f"s{number}" for number in range(20)]
    with hanging_disk(monkeypatch):
        kept = await asyncio.gather(*(keep_briefly(replica, each) for each in ids))
        assert not any(kept)
    # Whoever waited for one of them is stored behind it.
    assert await keep_briefly(replica, "in time", STORED_SECONDS_MAX)
    await until_stored(replica)
    recorded = {each[0]: each[2:] for each in await replica.recorded()}
    assert recorded.pop("in time") == (Reason.OFFLINE_ALLOWANCE, ALLOWANCE_SECONDS)
    assert set(recorded.values()) == {(Reason.FUNDS_UNAVAILABLE, 0)}
    for each in ids:
        extended = await replica.extend(each, 1, 10)
        assert verdict(extended) == (Verdict.REFUSED, Reason.UNKNOWN_SESSION)


async def keep_briefly(replica: Replica, session_id: str, seconds: float = 0.05) -> bool:
    """Have a grant on disk within a time, or else a refusal."""
    desk, (granted, why), (refused, why_not) = replica.desk, ALLOWED, DENIED
    request = OpenRequest(session_id, replica.plain.call())
    answer = Answer(session_id, 0, granted, why, granted_seconds=ALLOWANCE_SECONDS)
    instead = Answer(session_id, 0, refused, why_not)
    offline = OfflineAnswer(desk.tenant_id, desk.account_id, request, answer, answer_micros=1)
    return await replica.records.keep(offline, seconds, instead)


async def test_a_process_that_is_killed_leaves_no_grant_that_was_not_given(
    replica: Replica, funds: FailingFunds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside what was too late is what was given in its place."""
    funds.is_down = True
    with hanging_disk(monkeypatch):
        assert verdict(await replica.open("s")) == DENIED
    async with asyncio.timeout(STORED_SECONDS_MAX):
        while REFUSED_DOCUMENT not in b"".join(
            each.read_bytes() for each in folder_of(replica, SUFFIX)
        ):
            await asyncio.sleep(0.01)
    for segment in replica.spool.take():
        segment.close()
    successor = Replica(replica.desk, funds, Spool(replica.spool.folder))
    await until_stored(successor)
    assert await successor.recorded() == [("s", 0, Reason.FUNDS_UNAVAILABLE, 0)]


async def test_an_outage_leaves_one_segment_however_often_it_is_tried(replica: Replica) -> None:
    """Each is an open file, of which a process may not have many."""
    with hanging(replica.desk.database):
        for number in range(3):
            await replica.open(f"s{number}")
            with suppress(TimeoutError):
                async with asyncio.timeout(0.01):
                    await replica.records.feed()
        assert len(folder_of(replica, SUFFIX)) <= 2
    await until_stored(replica)
    assert len(await replica.recorded()) == 3


async def test_answers_of_outages_are_forgotten_like_the_sessions_that_they_belong_to(
    replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 35 days, a few in each transaction; what is younger stays."""
    monkeypatch.setattr(keep_sessions, "FORGOTTEN_PER_TRANSACTION_MAX", 2)
    for number in range(5):
        assert await keep_briefly(replica, f"old{number}", STORED_SECONDS_MAX)
    await until_stored(replica)
    with hanging(replica.desk.database):
        await replica.open("new")
    await until_stored(replica)
    assert len(await replica.recorded()) == 6
    await forget_old_sessions(replica.desk.database)
    assert [each[:2] for each in await replica.recorded()] == [("new", 0)]

"""Suspended records: nothing is lost, and what can be used later becomes a call."""

import asyncio
import threading
from dataclasses import replace

from chassis.database.unit_of_work import UnitOfWork
from kernel.e164 import NumberPlan
from services.cdr.domain.framing import line_framer
from services.cdr.domain.source import ConflictRule, LineRule
from services.cdr.store.digest import Counts
from services.cdr.usecases.collect_records import collect_records
from services.cdr.usecases.reading import read_records
from services.cdr.usecases.retry_suspended import RetryCounts
from tests.conformance.cdr.exchange import Exchange
from tests.unit.cdr.asterisk import asterisk_line
from tests.unit.cdr.profiles import PLAN
from tollbook.invoice.v1.customer_pb2 import LineKind

UNCOMMITTED_SECONDS_MAX = 1.0
BOB = {"channel": "PJSIP/bob-00000001"}


async def test_a_new_line_brings_its_waiting_records(exchange: Exchange) -> None:
    """Customer care creates the line; nobody has to import the file again."""
    await exchange.import_lines(*(asterisk_line(**BOB, uniqueid=f"{n}.1") for n in range(3)))
    await exchange.import_lines(asterisk_line(channel="PJSIP/eve-00000001"))
    await exchange.add_line("bob")
    await exchange.retry_due()
    assert len(await exchange.calls()) == 3
    assert [row.line_identifier for row in await exchange.suspended()] == ["eve"]
    assert await exchange.counts() == Counts(4, 3, 0, 1, 3)


async def test_a_line_of_another_kind_brings_nothing(exchange: Exchange) -> None:
    """An account code bob is not the SIP user bob."""
    await exchange.import_lines(asterisk_line(**BOB))
    await exchange.add_line("bob", kind=LineKind.LINE_KIND_ACCOUNT_CODE)
    await exchange.retry_due()
    assert await exchange.calls() == []


async def test_a_corrected_profile_reads_the_record_again(exchange: Exchange) -> None:
    """A forgotten short code: after the correction, the retry takes the call."""
    await exchange.import_lines(asterisk_line(dst="4711"))
    assert await exchange.suspended_reasons() == {"INVALID_NUMBER": 1}
    await exchange.change_profile(numbers=with_short_code("4711"))
    assert await exchange.retry("INVALID_NUMBER") == RetryCounts(accepted=1)
    [call] = await exchange.calls()
    assert (call.callee, call.callee_kind) == ("4711", 2)
    assert await exchange.counts() == Counts(1, 1, 0, 0, 1)


async def test_a_record_that_still_cannot_be_used_stays_with_its_new_reason(
    exchange: Exchange,
) -> None:
    """The number is right now, but the line is unknown."""
    await exchange.import_lines(asterisk_line(dst="4711", **BOB))
    await exchange.change_profile(numbers=with_short_code("4711"))
    assert await exchange.retry() == RetryCounts(suspended=1)
    [suspended] = await exchange.suspended()
    assert (suspended.reason, suspended.line_identifier) == ("UNKNOWN_LINE", "bob")
    assert suspended.retry_time is not None
    await exchange.add_line("bob")
    await exchange.retry_due()
    assert len(await exchange.calls()) == 1


async def test_another_line_rule_finds_the_line(exchange: Exchange) -> None:
    """The operator sees that account codes name the lines, not SIP users."""
    await exchange.add_line("acme", kind=LineKind.LINE_KIND_ACCOUNT_CODE)
    await exchange.import_lines(asterisk_line(**BOB))
    await exchange.change_profile(line_rule=LineRule.ACCOUNT_CODE)
    assert await exchange.retry() == RetryCounts(accepted=1)


async def test_a_record_that_came_again_in_the_meantime_is_a_duplicate(exchange: Exchange) -> None:
    """The line appears, the file is imported again, and only then is suspense tried."""
    await exchange.import_lines(asterisk_line(**BOB))
    await exchange.add_line("bob")
    await exchange.import_lines(asterisk_line(**BOB))
    await exchange.retry_due()
    assert await exchange.counts() == Counts(2, 1, 1, 0, 1)


async def test_a_conflict_is_settled_by_taking_it_as_a_revision(exchange: Exchange) -> None:
    """A person decides that the later record is right."""
    await exchange.import_lines(asterisk_line(), asterisk_line(billsec=59))
    await exchange.change_profile(conflict_rule=ConflictRule.REVISE)
    assert await exchange.retry("IDENTITY_CONFLICT") == RetryCounts(accepted=1)
    [call] = await exchange.calls()
    assert (call.revision, call.duration_ms) == (2, 59_000)
    assert await exchange.counts() == Counts(2, 2, 0, 0, 2)


async def test_a_cut_off_line_that_lacks_only_its_end_is_taken_by_a_retry(
    exchange: Exchange,
) -> None:
    """Cut off means not to be trusted before a person has looked."""
    await exchange.import_file(asterisk_line().encode())
    assert await exchange.suspended_reasons() == {"MALFORMED_RECORD": 1}
    assert await exchange.retry() == RetryCounts(accepted=1)


async def test_every_kind_of_bad_input_is_kept_and_stops_nothing_but_itself(
    exchange: Exchange,
) -> None:
    """One file with everything that goes wrong: the good records in it are taken."""
    good = [asterisk_line(uniqueid=f"{n}.1").encode() for n in range(2)]
    content = b"\n".join(
        [
            good[0],
            b"rubbish",
            asterisk_line(clid="J\xfcrgen", uniqueid="2").encode("latin-1"),
            b"x" * 10_000_000,
            asterisk_line(billsec=99, uniqueid="3").encode(),
            asterisk_line(billsec=-5, uniqueid="4").encode(),
            asterisk_line(**BOB, uniqueid="5").encode(),
            asterisk_line(start="2099-01-01 00:00:00", answer="", uniqueid="6").encode(),
            asterisk_line(dst="", uniqueid="7").encode(),
            good[0],
            good[1],
            good[1][:-30],
        ]
    )
    await exchange.import_file(content)
    assert await exchange.suspended_reasons() == {
        "MALFORMED_RECORD": 2,
        "INVALID_ENCODING": 1,
        "RECORD_TOO_LONG": 1,
        "BILLSEC_EXCEEDS_DURATION": 1,
        "ABSURD_DURATION": 1,
        "UNKNOWN_LINE": 1,
        "FUTURE_START": 1,
        "MISSING_FIELD": 1,
    }
    assert await exchange.counts() == Counts(12, 2, 1, 9, 2)
    assert max(len(row.raw_record) for row in await exchange.suspended()) == 65_536
    # A retry without any change moves nothing; the record that was too long cannot be read again.
    assert await exchange.retry() == RetryCounts(suspended=9)
    assert await exchange.counts() == Counts(12, 2, 1, 9, 2)


def with_short_code(code: str) -> NumberPlan:
    return replace(PLAN, short_codes=PLAN.short_codes | {code})


async def test_a_line_that_comes_to_be_known_during_an_intake_meets_its_records(
    exchange: Exchange,
) -> None:
    """The intake has looked for the line in vain and not committed when the line arrives.

    On PostgreSQL these run side by side; whoever is first, the record does not wait for ever.
    """
    source = exchange.source
    raws = line_framer("Master.csv").feed(f"{asterisk_line(**BOB)}\n".encode())
    has_looked, is_told = threading.Event(), threading.Event()

    def intake(uow: UnitOfWork) -> None:
        collect_records(uow, source, read_records(source, raws, uow.now))
        has_looked.set()
        # Left uncommitted while the line comes; it can only come if it does not wait for us.
        is_told.wait(UNCOMMITTED_SECONDS_MAX)

    async def tell_line() -> None:
        await asyncio.to_thread(has_looked.wait)
        await exchange.add_line("bob")
        is_told.set()

    await asyncio.gather(exchange.database.write(intake), tell_line())
    await exchange.retry_due()
    assert await exchange.counts() == Counts(1, 1, 0, 0, 1)

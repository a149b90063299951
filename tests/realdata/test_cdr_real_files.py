"""Real records of Asterisk and FreeSWITCH end as a careful person would have them end."""

from pathlib import Path
from typing import Any

import pytest

from chassis.database.engine import Database
from services.cdr.domain.source import ConflictRule, LineRule, RecordFormat
from services.cdr.store.digest import Counts
from services.cdr.usecases.collect_records import Outcome
from tests.conformance.cdr.exchange import Exchange
from tests.realdata.make_billable import SOURCE, rewrite_asterisk, rewrite_freeswitch
from tollbook.invoice.v1.customer_pb2 import LineKind

ASTERISK = "cdr/asterisk_cdr_csv"
FREESWITCH = "cdr/freeswitch/json_cdr_cgrates_minimal.json"


@pytest.fixture
def service_name() -> str:
    return "cdr"


async def asterisk(database: Database, **profile: Any) -> Exchange:
    """An exchange whose SIP user `test` has a line; 100 is one of its short codes."""
    exchange = await Exchange.create(database, "acme", **profile)
    await exchange.add_line("test")
    return exchange


async def test_good_csv_without_a_line_is_kept_whole(database: Database, realdata: Path) -> None:
    """Nobody has the SIP user `test`: four calls wait for it, one could never be billed.

    The file has five records with one unique id, one leg and one start. The second has billsec 7 in
    a call of 5 seconds. The other four differ in their disposition, so each waits for itself.
    """
    exchange = await Exchange.create(database, "acme")
    await exchange.import_file((realdata / ASTERISK / "good.csv").read_bytes(), "good.csv")
    assert await exchange.suspended_reasons() == {
        "UNKNOWN_LINE": 4,
        "BILLSEC_EXCEEDS_DURATION": 1,
    }
    assert await exchange.counts() == Counts(5, 0, 0, 5, 0)


async def test_good_csv_with_a_line_keeps_every_one_of_its_five_records(
    database: Database, realdata: Path
) -> None:
    """One call is accepted, and none of the others vanishes as a duplicate of it.

    1. ANSWERED, 5 of 5 seconds: the call.
    2. ANSWERED, billsec 7 of a duration of 5: BILLSEC_EXCEEDS_DURATION.
    3. FAILED, 4. NO ANSWER, 5. BUSY, each with billsec 0: the identity of the first (unique id
       1231977075.0, leg a, start 23:51:15) with other content: IDENTITY_CONFLICT, three times.
    """
    exchange = await asterisk(database)
    content = (realdata / ASTERISK / "good.csv").read_bytes()
    await exchange.import_file(content, "good.csv")
    [call] = await exchange.calls()
    assert (call.call_key, call.leg, call.duration_ms) == ("1231977075.0", "a", 5_000)
    assert (call.caller, call.callee, call.callee_kind) == ("test", "100", 2)
    suspended = {row.origin: row.reason for row in await exchange.suspended()}
    assert suspended == {
        "good.csv:2": "BILLSEC_EXCEEDS_DURATION",
        "good.csv:3": "IDENTITY_CONFLICT",
        "good.csv:4": "IDENTITY_CONFLICT",
        "good.csv:5": "IDENTITY_CONFLICT",
    }
    assert await exchange.counts() == Counts(5, 1, 0, 4, 1)
    assert (await exchange.import_file(content, "good.csv")) == {Outcome.DUPLICATE: 5}


async def test_good_csv_as_revisions_ends_with_its_last_record(
    database: Database, realdata: Path
) -> None:
    """Where the profile takes conflicts as revisions, BUSY is the fourth and last."""
    exchange = await asterisk(database, conflict_rule=ConflictRule.REVISE)
    await exchange.import_file((realdata / ASTERISK / "good.csv").read_bytes())
    [call] = await exchange.calls()
    assert (call.revision, call.answered, call.release_cause) == (4, 0, 17)
    assert await exchange.counts() == Counts(5, 4, 0, 1, 4)


async def test_buggy_csv_is_one_malformed_record(database: Database, realdata: Path) -> None:
    """Its only line lost the last quote; it is kept to the last byte."""
    exchange = await asterisk(database)
    content = (realdata / ASTERISK / "buggy.csv").read_bytes()
    await exchange.import_file(content, "buggy.csv")
    [suspended] = await exchange.suspended()
    assert suspended.reason == "MALFORMED_RECORD"
    assert bytes(suspended.raw_record) == content.rstrip(b"\n")
    assert await exchange.counts() == Counts(1, 0, 0, 1, 0)


async def test_the_minimal_freeswitch_document_lacks_its_destination(
    database: Database, realdata: Path
) -> None:
    """It has no callflow, so nobody can say who was called."""
    switch = await Exchange.create(
        database, "acme", RecordFormat.FREESWITCH_JSON, line_rule=LineRule.ACCOUNT_CODE
    )
    await switch.import_file((realdata / FREESWITCH).read_bytes())
    [suspended] = await switch.suspended()
    assert (suspended.reason, suspended.message) == (
        "MISSING_FIELD",
        "the record has no callee; complete it at the source",
    )


async def test_rewritten_asterisk_records_are_billable(database: Database, realdata: Path) -> None:
    """With a source, a destination and a call id each, four of five are calls.

    One of them was answered; the one with billsec beyond its duration still cannot be billed.
    """
    exchange = await Exchange.create(database, "acme", line_rule=LineRule.CALLER_NUMBER)
    await exchange.add_line(SOURCE, kind=LineKind.LINE_KIND_NUMBER)
    content = rewrite_asterisk((realdata / ASTERISK / "good.csv").read_text())
    await exchange.import_file(content.encode())
    assert sum(call.answered for call in await exchange.calls()) == 1
    assert {call.caller for call in await exchange.calls()} == {SOURCE}
    assert await exchange.suspended_reasons() == {"BILLSEC_EXCEEDS_DURATION": 1}
    assert await exchange.counts() == Counts(5, 4, 0, 1, 4)


async def test_a_rewritten_freeswitch_document_is_billable(
    database: Database, realdata: Path
) -> None:
    """Its times are untouched: created, never answered."""
    switch = await Exchange.create(
        database, "acme", RecordFormat.FREESWITCH_JSON, line_rule=LineRule.ACCOUNT_CODE
    )
    await switch.add_line("1001", kind=LineKind.LINE_KIND_ACCOUNT_CODE)
    await switch.import_file(rewrite_freeswitch((realdata / FREESWITCH).read_text()).encode())
    [call] = await switch.calls()
    assert (call.caller, call.callee) == (SOURCE, "442079460000")
    assert (call.answered, call.duration_ms) == (0, 0)
    assert call.start_time.isoformat() == "2014-04-08T19:10:21.278217+00:00"

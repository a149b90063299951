"""Records come in: each ends accepted, duplicate or suspended, and the counts add up."""

import asyncio
from datetime import UTC, datetime, timedelta

from chassis import columns
from kernel.partition import PARTITION_COUNT, partition_of
from services.cdr.domain.source import ConflictRule
from services.cdr.store.digest import Counts
from services.cdr.usecases.collect_records import Outcome
from tests.conformance.cdr.exchange import ACCOUNT, Exchange
from tests.unit.cdr.asterisk import asterisk_line

CHILD = "0195a000-0000-7000-8000-0000000000c1"
PAYER = "0195a000-0000-7000-8000-0000000000c2"


async def test_an_accepted_call_is_stored_with_its_account_and_its_event(
    exchange: Exchange,
) -> None:
    """The row names the event that carries it, and the event says the same as the row."""
    await exchange.import_lines(asterisk_line())
    [call] = await exchange.calls()
    assert (call.account_id, call.payer_account_id) == (ACCOUNT, ACCOUNT)
    assert (call.caller, call.callee, call.duration_ms) == ("31201234567", "32475123456", 60_000)
    assert call.start_time == datetime(2026, 3, 2, 11, tzinfo=UTC)
    assert (call.egress_trunk, call.routing_number) == ("carrier", "")
    [(partition, sequence, event)] = await exchange.collected()
    assert (call.partition, call.sequence) == (partition, sequence)
    assert partition == partition_of("acme", ACCOUNT)
    batch = columns.decode(event.calls)
    assert batch.key16("call_id") == [call.call_id]
    assert batch.text("callee") == ["32475123456"]
    assert batch.int64("duration").tolist() == [60_000]
    assert batch.dictionary("payer_account_id") == [ACCOUNT]
    assert batch.uint8("answered").tolist() == [1]
    assert batch.dictionary("egress_trunk") == ["carrier"]
    assert batch.dictionary("routing_number") == [""]


async def test_an_unanswered_call_is_accepted_without_an_answer(exchange: Exchange) -> None:
    """It is counted and costs nothing; the event says null, not the year 1970."""
    await exchange.import_lines(asterisk_line(disposition="BUSY", answer="", billsec=0))
    [(_, _, event)] = await exchange.collected()
    batch = columns.decode(event.calls)
    assert batch.nulls("answer_time").tolist() == [True]
    assert batch.uint8("answered").tolist() == [0]


async def test_a_file_imported_twice_only_brings_duplicates(exchange: Exchange) -> None:
    """What became a call, and what is in suspense: the second time nothing is new."""
    lines = [asterisk_line(), asterisk_line(uniqueid="2", dst="x"), "rubbish"]
    assert (await exchange.import_lines(*lines))[Outcome.DUPLICATE] == 0
    assert (await exchange.import_lines(*lines))[Outcome.DUPLICATE] == 3
    assert await exchange.counts() == Counts(6, 1, 3, 2, 1)
    assert len(await exchange.collected()) == 1


async def test_of_two_overlapping_files_each_call_is_taken_once(exchange: Exchange) -> None:
    """Yesterday's export and today's share the calls around midnight."""
    lines = [asterisk_line(uniqueid=f"1772449200.{number}") for number in range(10)]
    await exchange.import_lines(*lines[:7])
    ended = await exchange.import_lines(*lines[4:])
    assert ended == {Outcome.ACCEPTED: 3, Outcome.DUPLICATE: 3}
    assert len(await exchange.calls()) == 10


async def test_the_same_record_twice_in_one_batch_is_one_call(exchange: Exchange) -> None:
    """De-duplication does not depend on how records are batched."""
    ended = await exchange.import_lines(asterisk_line(), asterisk_line(), "rubbish", "rubbish")
    assert ended == {Outcome.ACCEPTED: 1, Outcome.SUSPENDED: 1, Outcome.DUPLICATE: 2}


async def test_other_content_under_a_known_identity_is_a_conflict(exchange: Exchange) -> None:
    """It is never a duplicate: a person decides, and the first record stays as it is."""
    await exchange.import_lines(asterisk_line())
    ended = await exchange.import_lines(asterisk_line(billsec=59))
    assert ended == {Outcome.SUSPENDED: 1}
    [suspended] = await exchange.suspended()
    assert suspended.reason == "IDENTITY_CONFLICT"
    assert (await exchange.calls())[0].call_id.hex() in suspended.message
    assert (await exchange.calls())[0].duration_ms == 60_000


async def test_a_profile_may_take_conflicts_as_revisions(exchange: Exchange) -> None:
    """The newest revision is the call; every revision is counted and has its own event."""
    await exchange.change_profile(conflict_rule=ConflictRule.REVISE)
    first, second = asterisk_line(), asterisk_line(billsec=59)
    await exchange.import_lines(first)
    await exchange.import_lines(second, first, second)
    [call] = await exchange.calls()
    assert (call.revision, call.duration_ms) == (2, 59_000)
    assert await exchange.counts() == Counts(4, 2, 2, 0, 2)
    revisions = [
        columns.decode(event.calls).int32("revision").tolist()
        for _, _, event in await exchange.collected()
    ]
    assert revisions == [[1], [2]]


async def test_a_record_of_an_unknown_line_waits_for_it(exchange: Exchange) -> None:
    """Its reason names the identifier that nobody has."""
    await exchange.import_lines(asterisk_line(channel="PJSIP/bob-00000001"))
    [suspended] = await exchange.suspended()
    assert (suspended.reason, suspended.line_identifier) == ("UNKNOWN_LINE", "bob")
    assert "'bob'" in suspended.message
    assert bytes(suspended.raw_record).startswith(b'"acme","0201234567"')
    assert suspended.origin == "Master.csv:1"


async def test_a_record_without_a_line_says_so(exchange: Exchange) -> None:
    """No identifier is no unknown identifier: the advice is another."""
    await exchange.import_lines(asterisk_line(channel="spool"))
    [suspended] = await exchange.suspended()
    assert suspended.reason == "UNKNOWN_LINE"
    assert "has no SIP user" in suspended.message


async def test_a_line_belongs_to_its_account_only_while_it_is_valid(exchange: Exchange) -> None:
    """A SIP user that moved to another account: each call goes to the account of its start."""
    noon = datetime(2026, 3, 2, 11, tzinfo=UTC)
    await exchange.add_line("carol", CHILD, end=noon)
    await exchange.add_line("carol", PAYER, start=noon)
    carol = {"channel": "PJSIP/carol-00000001"}
    before = {"start": "2026-03-02 11:59:59", "answer": "2026-03-02 12:00:00"}
    await exchange.import_lines(
        asterisk_line(**carol), asterisk_line(**carol, **before, uniqueid="2")
    )
    assert [call.account_id for call in await exchange.calls()] == [PAYER, CHILD]


async def test_a_childs_calls_are_published_in_its_payers_partition(exchange: Exchange) -> None:
    """Who pays is what the account says now, not what the line said when it was created."""
    await exchange.add_line("carol", CHILD, payer_account_id=CHILD)
    await exchange.change_payer(CHILD, PAYER)
    await exchange.import_lines(asterisk_line(channel="PJSIP/carol-00000001"))
    [call] = await exchange.calls()
    assert (call.account_id, call.payer_account_id) == (CHILD, PAYER)
    assert call.partition == partition_of("acme", PAYER)


async def test_a_batch_has_one_event_for_each_partition(exchange: Exchange) -> None:
    """Each account stays in one partition, and each event in one transaction with its rows."""
    accounts = [f"0195a000-0000-7000-8000-{number:012x}" for number in range(40)]
    for number, account in enumerate(accounts):
        await exchange.add_line(f"user{number}", account)
    await exchange.import_lines(
        *(
            asterisk_line(channel=f"PJSIP/user{number % 40}-00000001", uniqueid=f"{number}.1")
            for number in range(400)
        )
    )
    events = await exchange.collected()
    assert len(events) == len({partition for partition, _, _ in events}) == PARTITION_COUNT
    assert sum(event.calls.row_count for _, _, event in events) == 400
    for partition, _, event in events:
        payers = columns.decode(event.calls).dictionary("payer_account_id")
        assert {partition_of("acme", payer) for payer in payers} == {partition}


async def test_the_digest_counts_what_is_below_a_watermark(exchange: Exchange) -> None:
    """Reconciliation compares services at one place of the log while records come in."""
    await exchange.import_lines(asterisk_line(uniqueid="1"))
    [(partition, sequence, _)] = await exchange.collected()
    await exchange.import_lines(asterisk_line(uniqueid="2"), asterisk_line(uniqueid="3"))
    assert (await exchange.counts({partition: sequence})).collected == 1
    assert (await exchange.counts({partition: sequence + 1})).collected == 3
    assert (await exchange.counts({partition: 0})).collected == 0
    assert (await exchange.counts()).collected == 3


async def test_calls_are_found_by_account_time_number_and_outcome(exchange: Exchange) -> None:
    """Each filter alone, newest first."""
    await exchange.add_line("carol", CHILD)
    late = {"start": "2026-03-02 13:00:00", "answer": "2026-03-02 13:00:05"}
    await exchange.import_lines(
        asterisk_line(),
        asterisk_line(channel="PJSIP/carol-00000001", uniqueid="2", dst="0201111111"),
        asterisk_line(**late, uniqueid="3", src="0209999999"),
    )
    noon = datetime(2026, 3, 2, 11, tzinfo=UTC)
    hour = noon + timedelta(hours=1)

    async def found(**which: object) -> list[str]:
        return [call.call_key for call in await exchange.calls(**which)]

    assert (await found())[0] == "3"
    assert await found(account_id=CHILD) == ["2"]
    assert await found(start=hour) == ["3"]
    assert sorted(await found(start=noon, end=hour)) == ["1772449200.1", "2"]
    assert await found(number="31201111111") == ["2"]
    assert await found(number="31209999999") == ["3"]
    assert await found(rating_outcome=1) == []


async def test_intakes_of_one_source_at_once_take_each_call_once(exchange: Exchange) -> None:
    """Two doors bring the same file in the same moment."""
    lines = [asterisk_line(uniqueid=f"{number}.1") for number in range(200)]
    await asyncio.gather(*(exchange.import_lines(*lines) for _ in range(2)))
    assert await exchange.counts() == Counts(400, 200, 200, 0, 200)

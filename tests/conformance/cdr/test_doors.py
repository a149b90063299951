"""The gRPC doors, through a real server with its access rules, on both databases."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo

from chassis.database.engine import Database
from chassis.grpc.convert import time_to_proto
from chassis.security.caller import ALL_TENANTS
from kernel.errors import DomainError
from kernel.ids import new_uuid
from tests.conformance.cdr.doors import Client, Doors, a_profile, serving
from tests.conformance.cdr.exchange import Exchange
from tests.unit.cdr.asterisk import asterisk_line
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.call_pb2 import CallRecord
from tollbook.cdr.v1.source_pb2 import RecordFormat
from tollbook.type.v1.call_pb2 import CallKey, CallKeyKind
from tollbook.type.v1.time_range_pb2 import TimeRange

START = datetime(2026, 3, 2, 11, tzinfo=UTC)
ACCEPTED = pb.RecordOutcome.RECORD_OUTCOME_ACCEPTED
DUPLICATE = pb.RecordOutcome.RECORD_OUTCOME_DUPLICATE
SUSPENDED = pb.RecordOutcome.RECORD_OUTCOME_SUSPENDED


@pytest.fixture
async def doors(database: Database, exchange: Exchange, tmp_path: Path) -> AsyncIterator[Doors]:
    async with serving(database, tmp_path) as doors:
        yield doors


@pytest.fixture
def client(doors: Doors) -> Client:
    return doors.client("acme")


def record(number: int = 1, callee: str = "0032475123456", seconds: int = 60) -> CallRecord:
    start = START + timedelta(minutes=number)
    return CallRecord(
        call_key=CallKey(kind=CallKeyKind.CALL_KEY_KIND_SIP_CALL_ID, value=f"{number}@pbx.example"),
        caller="0201234567",
        callee=callee,
        sip_user="alice",
        start_time=time_to_proto(start),
        answer_time=time_to_proto(start + timedelta(seconds=5)),
        billable_duration=Duration(seconds=seconds),
        release_cause=16,
    )


def chunk(*records: CallRecord, code: str = "api") -> pb.IngestCallRecordsRequest:
    return pb.IngestCallRecordsRequest(source_code=code, request_id=new_uuid(), records=records)


async def test_each_record_of_a_chunk_gets_its_own_result(client: Client) -> None:
    """Accepted, duplicate and suspended in one chunk, in the order of the records."""
    await client.create_source()
    [answer] = await client.ingest(chunk(record(1), record(1), record(2, callee="99")))
    first, second, third = answer.results
    assert [result.outcome for result in answer.results] == [ACCEPTED, DUPLICATE, SUSPENDED]
    assert first.call_id == second.call_id
    assert len(first.call_id) == 32
    info = ErrorInfo()
    third.status.details[0].Unpack(info)
    assert (info.reason, info.domain) == ("INVALID_NUMBER", "cdr.tollbook")
    assert third.suspended_record_id


async def test_a_chunk_sent_again_gets_its_first_answer(doors: Doors) -> None:
    """After a lost connection the client cannot know, so it sends again."""
    client, platform = doors.client("acme"), doors.client(ALL_TENANTS)
    await client.create_source()
    request = chunk(record(1))
    assert await client.ingest(request) == await client.ingest(request)
    [digest] = (await platform.audit.GetCdrDigest(pb.GetCdrDigestRequest())).digests
    assert (digest.received_count, digest.accepted_count) == (1, 1)


async def test_only_the_first_chunk_needs_the_source(client: Client) -> None:
    """A stream belongs to one source."""
    await client.create_source()
    later = chunk(record(2), code="")
    answers = await client.ingest(chunk(record(1)), later)
    assert [answer.results[0].outcome for answer in answers] == [ACCEPTED, ACCEPTED]
    assert answers[1].request_id == later.request_id


async def test_an_unknown_source_is_refused(client: Client) -> None:
    """The error has a stable reason."""
    with pytest.raises(DomainError) as caught:
        await client.ingest(chunk(record(1), code="nobody"))
    assert caught.value.reason == "SOURCE_NOT_FOUND"


async def test_a_suspended_grpc_record_can_be_retried(client: Client) -> None:
    """It is kept in the bytes of the contract, and read again by the corrected profile."""
    source = await client.create_source()
    await client.ingest(chunk(record(1, callee="4711")))
    source.profile.short_codes.append("4711")
    update = pb.UpdateSourceRequest(source=source, request_id=new_uuid())
    await client.sources.UpdateSource(update)
    retry = pb.RetrySuspendedRecordsRequest(request_id=new_uuid())
    answer = await client.calls.RetrySuspendedRecords(retry)
    assert (answer.accepted_count, answer.suspended_count) == (1, 0)


async def test_a_file_is_imported_with_progress_and_reasons(client: Client) -> None:
    """Pieces may end anywhere; the last message has the totals."""
    lines = [asterisk_line(uniqueid=f"{number}.1") for number in range(2_500)]
    lines += [asterisk_line(uniqueid="x", dst="99"), "rubbish", lines[0]]
    content = "\n".join(lines).encode() + b"\n"
    pieces = [content[at : at + 300_007] for at in range(0, len(content), 300_007)]
    *progress, last = await client.import_file("pbx", pieces)
    assert progress
    assert not any(message.done for message in progress)
    assert last.done
    assert (last.received_count, last.accepted_count) == (2_503, 2_500)
    assert (last.duplicate_count, last.suspended_count) == (1, 2)
    assert {each.reason: each.count for each in last.suspended_reasons} == {
        "INVALID_NUMBER": 1,
        "MALFORMED_RECORD": 1,
    }


async def test_a_source_without_files_refuses_a_file(client: Client) -> None:
    """Its records come by IngestCallRecords only."""
    await client.create_source()
    with pytest.raises(DomainError) as caught:
        await client.import_file("api", [b"x"])
    assert caught.value.reason == "FORMAT_HAS_NO_FILES"


async def test_calls_are_listed_page_by_page_newest_first(client: Client) -> None:
    """Each call on exactly one page, whatever the size of the pages."""
    await client.create_source()
    await client.ingest(chunk(*(record(number) for number in range(7))))
    keys, token = [], ""
    for _ in range(10):
        request = pb.ListCallsRequest(page_size=3, page_token=token)
        page = await client.calls.ListCalls(request)
        keys += [call.call_key.value for call in page.calls]
        token = page.next_page_token
        if not token:
            break
    assert keys == [f"{number}@pbx.example" for number in reversed(range(7))]


async def test_a_call_is_found_by_id_and_by_span(client: Client) -> None:
    """What ListCalls shows, GetCall shows too."""
    await client.create_source()
    [answer] = await client.ingest(chunk(record(1), record(2)))
    call_id = answer.results[0].call_id
    call = (await client.calls.GetCall(pb.GetCallRequest(call_id=call_id))).call
    span = TimeRange(start_time=call.start_time, end_time=time_to_proto(START + timedelta(0, 61)))
    found = await client.calls.ListCalls(pb.ListCallsRequest(start_time_range=span))
    assert list(found.calls) == [call]
    assert call.billable_duration == Duration(seconds=60)
    assert call.caller == "31201234567"


async def test_a_call_shows_how_it_went_out(client: Client) -> None:
    """By which trunk, and to which number a ported one was routed; any other way is a conflict."""
    await client.create_source()
    routed = record(1)
    routed.egress_trunk, routed.routing_number = "carrier-a", "0970123456"
    [answer] = await client.ingest(chunk(routed))
    request = pb.GetCallRequest(call_id=answer.results[0].call_id)
    call = (await client.calls.GetCall(request)).call
    assert (call.egress_trunk, call.routing_number) == ("carrier-a", "31970123456")
    routed.egress_trunk = "carrier-b"
    [again] = await client.ingest(chunk(routed, record(1)))
    assert [result.outcome for result in again.results] == [SUSPENDED, SUSPENDED]


@pytest.mark.parametrize("call_id", ["zz", "00", "0" * 32])
async def test_an_id_of_no_call_is_not_found(client: Client, call_id: str) -> None:
    """Whether it could be an id or not."""
    with pytest.raises(DomainError) as caught:
        await client.calls.GetCall(pb.GetCallRequest(call_id=call_id))
    assert caught.value.reason == "CALL_NOT_FOUND"


async def test_another_tenant_sees_and_reaches_nothing(doors: Doors) -> None:
    """Not by listing, not by id, not by the code of a source."""
    acme, beta = doors.client("acme"), doors.client("beta")
    source = await acme.create_source()
    [answer] = await acme.ingest(chunk(record(1), record(2, callee="99")))
    assert not (await beta.calls.ListCalls(pb.ListCallsRequest())).calls
    suspended = await beta.calls.ListSuspendedRecords(pb.ListSuspendedRecordsRequest())
    assert not suspended.suspended_records
    assert not (await beta.sources.ListSources(pb.ListSourcesRequest())).sources
    for attempt in (
        beta.calls.GetCall(pb.GetCallRequest(call_id=answer.results[0].call_id)),
        beta.sources.GetSource(pb.GetSourceRequest(source_id=source.source_id)),
        beta.ingest(chunk(record(1))),
    ):
        with pytest.raises(DomainError) as caught:
            await attempt
        assert caught.value.reason in {"CALL_NOT_FOUND", "SOURCE_NOT_FOUND"}


async def test_a_taken_code_is_refused(client: Client) -> None:
    """Codes name folders and users, so each is there once in a tenant."""
    await client.create_source("api")
    with pytest.raises(DomainError) as caught:
        await client.create_source("api")
    assert caught.value.reason == "SOURCE_CODE_TAKEN"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"time_zone": "Mars/Olympus"}, "source.profile.time_zone"),
        ({"line_rule": 0}, "source.profile.line_rule"),
        ({"call_key_kind": 0}, "source.profile.call_key_kind"),
    ],
)
async def test_a_profile_that_cannot_work_is_refused(
    client: Client, change: dict[str, object], field: str
) -> None:
    """The field is named, before any record comes."""
    source = await client.create_source()
    source.profile.CopyFrom(a_profile(**change))
    update = pb.UpdateSourceRequest(source=source, request_id=new_uuid())
    with pytest.raises(DomainError) as caught:
        await client.sources.UpdateSource(update)
    assert caught.value.reason == "INVALID_PROFILE"
    assert [violation.field for violation in caught.value.field_violations] == [field]


async def test_a_change_on_an_old_version_is_refused(client: Client) -> None:
    """Two operators at one profile: the second is told to read again."""
    source = await client.create_source()
    first, second = (pb.UpdateSourceRequest(source=source, request_id=new_uuid()) for _ in range(2))
    assert (await client.sources.UpdateSource(first)).source.etag != source.etag
    with pytest.raises(DomainError) as caught:
        await client.sources.UpdateSource(second)
    assert caught.value.reason == "ETAG_MISMATCH"


async def test_a_push_secret_is_shown_once(client: Client) -> None:
    """A repeated request gets the user again, and no secret."""
    json_format = RecordFormat.RECORD_FORMAT_FREESWITCH_JSON
    source = await client.create_source("switch", json_format)
    request = pb.RotatePushSecretRequest(source_id=source.source_id, request_id=new_uuid())
    first = await client.sources.RotatePushSecret(request)
    again = await client.sources.RotatePushSecret(request)
    assert (first.user, again.user) == ("acme.switch", "acme.switch")
    assert first.secret
    assert not again.secret


async def test_sources_are_listed_by_code(client: Client) -> None:
    """Page by page."""
    for code in ("c", "a", "b"):
        await client.create_source(code)
    first = await client.sources.ListSources(pb.ListSourcesRequest(page_size=2))
    second = await client.sources.ListSources(
        pb.ListSourcesRequest(page_size=2, page_token=first.next_page_token)
    )
    codes = [source.code for page in (first, second) for source in page.sources]
    assert codes == ["a", "b", "c", "pbx"]
    assert not second.next_page_token

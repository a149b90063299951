"""What no honest client sends: refused with a stable reason, never a failure of the service."""

from collections.abc import AsyncIterator, Awaitable
from pathlib import Path
from typing import Any

import pytest

from chassis.database.engine import Database
from chassis.grpc.pages import encode_token
from kernel.errors import DomainError, ErrorKind
from kernel.ids import new_uuid
from tests.conformance.cdr.doors import Client, Doors, a_profile, serving
from tests.conformance.cdr.exchange import Exchange
from tests.unit.cdr.asterisk import asterisk_line
from tollbook.cdr.v1 import cdr_service_pb2 as pb
from tollbook.cdr.v1.call_pb2 import CallRecord
from tollbook.cdr.v1.source_pb2 import RecordFormat, Source

UNKNOWN_ID = "0195a000-0000-7000-8000-00000000dead"
NOT_FOUND, INVALID = ErrorKind.NOT_FOUND, ErrorKind.INVALID_ARGUMENT
ASTERISK = RecordFormat.RECORD_FORMAT_ASTERISK_CSV
# Larger than any SMALLINT: protobuf lets unknown values of an enumeration through.
UNKNOWN_MEMBER: Any = 100_000


@pytest.fixture
async def doors(database: Database, exchange: Exchange, tmp_path: Path) -> AsyncIterator[Doors]:
    async with serving(database, tmp_path) as doors:
        yield doors


@pytest.fixture
def client(doors: Doors) -> Client:
    return doors.client("acme")


async def refusal(answer: Awaitable[Any]) -> tuple[ErrorKind, str]:
    with pytest.raises(DomainError) as caught:
        await answer
    return caught.value.kind, caught.value.reason


@pytest.mark.parametrize("call_id", ["x", "ab", "zz" * 16, "ab " * 10 + "ab", "é" * 32, "0" * 32])
async def test_what_is_no_call_id_is_no_call(client: Client, call_id: str) -> None:
    """Whatever it looks like, blanks between the digits too."""
    request = pb.GetCallRequest(call_id=call_id)
    assert await refusal(client.calls.GetCall(request)) == (NOT_FOUND, "CALL_NOT_FOUND")


@pytest.mark.parametrize("source_id", ["x", UNKNOWN_ID])
async def test_an_unknown_source_is_not_found_by_any_door(client: Client, source_id: str) -> None:
    """Read, changed, given a secret, retried, fed: always the same answer."""
    id_ = new_uuid()
    source = Source(source_id=source_id, etag="1", profile=a_profile())
    update = pb.UpdateSourceRequest(source=source, request_id=id_)
    rotate = pb.RotatePushSecretRequest(source_id=source_id, request_id=id_)
    retry = pb.RetrySuspendedRecordsRequest(source_id=source_id, request_id=id_)
    chunk = pb.IngestCallRecordsRequest(
        source_code=source_id, request_id=id_, records=[CallRecord()]
    )
    answers = [
        client.sources.GetSource(pb.GetSourceRequest(source_id=source_id)),
        client.sources.UpdateSource(update),
        client.sources.RotatePushSecret(rotate),
        client.calls.RetrySuspendedRecords(retry),
        client.ingest(chunk),
        client.import_file(source_id, [b"x\n"]),
    ]
    for answer in answers:
        assert await refusal(answer) == (NOT_FOUND, "SOURCE_NOT_FOUND")


async def test_the_token_of_another_list_is_refused(client: Client) -> None:
    """A position in one list means nothing in another, nor does one nobody gave out."""
    await client.import_file(
        "pbx", [f"{asterisk_line(uniqueid=str(n))}\n".encode() for n in (1, 2)]
    )
    await client.import_file("pbx", [b"damaged\nbroken\n"])
    await client.create_source("second")
    lists: dict[Any, Any] = {
        client.calls.ListCalls: pb.ListCallsRequest,
        client.calls.ListSuspendedRecords: pb.ListSuspendedRecordsRequest,
        client.sources.ListSources: pb.ListSourcesRequest,
    }
    tokens = {
        method: (await method(request(page_size=1))).next_page_token
        for method, request in lists.items()
    }
    assert all(tokens.values())
    for method, request in lists.items():
        others = [token for owner, token in tokens.items() if owner is not method]
        for token in [*others, "x", encode_token([2**70, "00"])]:
            answer = await refusal(method(request(page_token=token)))
            assert answer == (INVALID, "INVALID_PAGE_TOKEN")


async def test_a_profile_names_a_kind_of_call_key_that_there_is(client: Client) -> None:
    """It is stored with every call and sent with every event, in one byte."""
    source = Source(code="odd", format=ASTERISK, profile=a_profile(call_key_kind=UNKNOWN_MEMBER))
    request = pb.CreateSourceRequest(source=source, request_id=new_uuid())
    assert await refusal(client.sources.CreateSource(request)) == (INVALID, "INVALID_REQUEST")


async def test_no_call_has_an_unknown_outcome(client: Client) -> None:
    """A newer client asks for what this service does not know yet."""
    request = pb.ListCallsRequest(rating_outcome=UNKNOWN_MEMBER)
    assert await refusal(client.calls.ListCalls(request)) == (INVALID, "INVALID_REQUEST")


async def test_records_of_the_contract_need_a_source_of_the_contract(client: Client) -> None:
    """In an exchange's source each would become a malformed line in suspense."""
    chunk = pb.IngestCallRecordsRequest(
        source_code="pbx", request_id=new_uuid(), records=[CallRecord()]
    )
    answer = await refusal(client.ingest(chunk))
    assert answer == (ErrorKind.FAILED_PRECONDITION, "FORMAT_HAS_NO_STREAM")


async def test_a_page_of_large_records_fits_into_one_message(client: Client) -> None:
    """A page ends early rather than be larger than a client can take; all are listed in the end."""
    lines = (f"{number:04d}".encode() + b"x" * 60_000 + b"\n" for number in range(300))
    await client.import_file("pbx", lines)
    token, listed = "", 0
    while True:
        request = pb.ListSuspendedRecordsRequest(page_size=500, page_token=token)
        page = await client.calls.ListSuspendedRecords(request)
        listed += len(page.suspended_records)
        token = page.next_page_token
        if not token:
            break
    assert listed == 300

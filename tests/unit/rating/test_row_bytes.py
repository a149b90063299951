"""Rows read from bytes by columns are the calls that would be read one by one."""

from dataclasses import replace
from random import Random

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from kernel.errors import DomainError
from services.rating.api.convert_quotes import CallReader, is_known_id
from services.rating.api.quote_rows import RowsRequest, planned_rows
from services.rating.domain.decks.prefix_table import padded_columns
from services.rating.usecases.quoting.quote_columns import PlannedColumns, Wanted
from tollbook.rating.v1 import rating_service_pb2 as messages

READER = CallReader(frozenset({"112", "99933344"}))
CALLEES = [
    *["31201234567"] * 20,
    "",
    "+",
    "112",
    "31201234567",
    "+31201234567",
    "0201234567",
    "3120x",
    "٣١٢٠١٢٣٤٥٦٧",
]
CALLEES += ["123456789012345", "1234567890123456", "3" * 200, "99933344", "4930123456"]
ACCOUNTS = [
    *["a"] * 5,
    "",
    "a",
    "0193a7b2-5c1e-7d3f-8a4b-000000000001",
    "b" * 100,
    "c" * 130,
    "d\0",
    "é",
]
SECONDS = [*[59, 3_600, 1_772_000_000] * 4, 0, 1, 127, 128, 1_772_000_000, 7_258_118_400, -1, 2**40]
NANOS = [*[0] * 8, 1, 999, 1_000_000, 999_999_999, 10**9, -1]


def _request(rng: Random) -> messages.PriceCallRequest:
    request = messages.PriceCallRequest(account_id=rng.choice(ACCOUNTS), callee=rng.choice(CALLEES))
    if rng.random() < 0.9:
        start = Timestamp(seconds=rng.choice(SECONDS), nanos=rng.choice(NANOS))
        request.start_time.CopyFrom(start)
    if rng.random() < 0.9:
        duration = Duration(seconds=rng.choice(SECONDS), nanos=rng.choice(NANOS))
        request.duration.CopyFrom(duration)
    if rng.random() < 0.3:
        request.caller = rng.choice(CALLEES)
    if rng.random() < 0.1:
        request.routing_number = rng.choice(CALLEES)
    if rng.random() < 0.1:
        request.begin_time.GetCurrentTime()
    if rng.random() < 0.3:
        request.service = rng.randrange(-1, 5)  # type: ignore[assignment]
    if rng.random() < 0.1:
        request.quantity = 7
    if rng.random() < 0.3:
        request.receipt_detail = rng.randrange(4)  # type: ignore[assignment]
    if rng.random() < 0.1:
        # A field of a later version of the contract, between those of the start by its number.
        request.MergeFromString(bytes([2 << 3, 5]))
    return request


def _planned(calls: list[messages.PriceCallRequest]) -> tuple[PlannedColumns, Wanted]:
    content = messages.PriceCallsRequest(calls=calls).SerializeToString()
    return planned_rows(READER, RowsRequest(content))


def test_calls_read_as_columns_are_those_read_one_by_one() -> None:
    """Whatever is set, and however strange: a column never holds another call."""
    rng = Random(11)
    usual = 0
    for _ in range(1_000):
        calls = [_request(rng) for _ in range(10)]
        planned, wanted = _planned(calls)
        for place, call in enumerate(calls):
            account_id = planned.account_ids[planned.account_places[place]]
            assert account_id == (call.account_id if is_known_id(call.account_id) else "")
            if not account_id or not planned.is_usual[place]:
                continue
            usual += 1
            read = READER.planned_call(call)
            numbers, lengths = padded_columns([read.number])
            assert (planned.numbers[place], planned.lengths[place]) == (numbers[0], lengths[0])
            assert planned.starts_micros[place] == read.start_micros
            assert planned.begins_micros[place] == read.begin_micros
            assert planned.durations_ms[place] == read.duration_ms
        assert wanted.receipts == any(call.receipt_detail > 1 for call in calls)
    assert usual > 400


def test_the_usual_call_is_read_as_a_column() -> None:
    """With a caller, a service and the wish for a receipt too."""
    request = messages.PriceCallRequest(
        account_id="a",
        callee="+31201234567",
        start_time=Timestamp(seconds=1_772_000_000, nanos=5_000_000),
        duration=Duration(seconds=59, nanos=1_000_000),
        caller="4930123456",
        service=1,  # type: ignore[arg-type]
        receipt_detail=messages.RECEIPT_DETAIL_DATA,
    )
    planned, wanted = _planned([request] * 3)
    assert planned.is_usual.all()
    assert planned.durations_ms.tolist() == [59_001] * 3
    assert wanted.receipts


def test_a_request_is_read_however_its_bytes_are_laid_out() -> None:
    """Fields in another order, fields of later versions and texts that are none change no other."""
    usual = messages.PriceCallRequest(
        account_id="a",
        callee="31201234567",
        start_time=Timestamp(seconds=1_772_000_000),
        duration=Duration(seconds=59),
    )
    parts = [usual.SerializeToString(), usual.SerializeToString()[3:] + b"\x0a\x01b"]
    rows = [b"\x0a%c%b" % (len(part), part) for part in parts]
    for content in (b"".join(rows), b"\x78\x05" + b"".join(rows), b"".join(rows) + b"\x78\x05"):
        planned, _ = planned_rows(READER, RowsRequest(content))
        assert [planned.account_ids[place] for place in planned.account_places] == ["a", "b"]
        assert planned.call_at(1) == replace(READER.planned_call(usual), account_id="b")


@pytest.mark.parametrize(
    "content", [b"\x0a", b"\x0a\x05ab", b"\x0a\x03\x0a\x01\xff", b"\xff\xff\xff"]
)
def test_bytes_that_are_no_request_are_refused(content: bytes) -> None:
    """At once, or when the call is read that is broken."""
    with pytest.raises(DomainError, match="INVALID_REQUEST"):
        planned_rows(READER, RowsRequest(content))[0].call_at(0)


def test_a_call_that_makes_no_sense_is_refused_by_itself() -> None:
    """Its place tells what is wrong with it."""
    calls = [messages.PriceCallRequest(account_id="a", callee="31201234567")]
    planned, _ = _planned(calls)
    assert not planned.is_usual[0]
    with pytest.raises(DomainError, match="INVALID_DURATION"):
        planned.call_at(0)

"""Whatever bytes come, a record ends as a call or as a rejection; nothing else comes of reading."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import from_micros, to_micros
from services.cdr.domain.formats import asterisk_csv, freeswitch_json
from services.cdr.domain.normalisation import Parser, Reader
from services.cdr.domain.records import NormalisedCall, RawRecord, Reason, Rejection
from services.cdr.usecases import grpc_record
from tests.unit.cdr.asterisk import DEFAULTS, asterisk_line
from tests.unit.cdr.freeswitch import freeswitch_document
from tests.unit.cdr.profiles import NOW, a_source
from tollbook.cdr.v1.call_pb2 import CallRecord

SMALLINT_MAX = 2**15 - 1
PARSERS: list[Parser] = [asterisk_csv.parse, freeswitch_json.parse, grpc_record.parse]

# Halves of characters too, which JSON can write.
any_text = st.text(st.characters(exclude_categories=()), max_size=30)
texts = st.text(max_size=30) | st.sampled_from(["", "0", "-1", "9" * 18, "9999-12-31 23:59:59"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | any_text,
    st.lists,
    max_leaves=3,
)
VARIABLES = sorted(freeswitch_document()["variables"])


def outcome_of(content: bytes, parse: Parser, **profile: Any) -> NormalisedCall | Rejection:
    reader = Reader(a_source(**profile), parse)
    return reader.read(RawRecord(content, "test"), to_micros(NOW))


def is_storable(outcome: NormalisedCall | Rejection) -> bool:
    """PostgreSQL takes every value, and every time can be read back."""
    if isinstance(outcome, Rejection):
        return "\0" not in outcome.message and is_unicode(outcome.message)
    texts = (outcome.call_key, outcome.leg, outcome.line_identifier, outcome.caller, outcome.callee)
    times = (outcome.start_micros, outcome.answer_micros or 0)
    return (
        all(text.isprintable() and is_unicode(text) for text in texts)
        and 0 <= outcome.release_cause <= SMALLINT_MAX
        and all(to_micros(from_micros(time)) == time for time in times)
    )


def is_unicode(text: str) -> bool:
    """Whether no half of a character is in it."""
    return text.encode(errors="replace").decode() == text


@given(content=st.binary(max_size=200), parse=st.sampled_from(PARSERS))
def test_any_bytes_end_as_a_call_or_a_rejection(content: bytes, parse: Parser) -> None:
    """Noise on the line stops nothing but itself."""
    assert is_storable(outcome_of(content, parse))


@given(name=st.sampled_from(sorted(DEFAULTS)), value=texts)
def test_any_text_in_a_column_ends_as_a_call_or_a_rejection(name: str, value: str) -> None:
    """One damaged column of an otherwise good line, in a zone behind UTC."""
    line = asterisk_line(**{name: value}).encode(errors="surrogatepass")
    assert is_storable(outcome_of(line, asterisk_csv.parse, time_zone="America/New_York"))


@given(name=st.sampled_from(VARIABLES), value=json_values)
def test_any_json_in_a_variable_ends_as_a_call_or_a_rejection(name: str, value: object) -> None:
    """One damaged variable of an otherwise good document."""
    document: Any = freeswitch_document()
    document["variables"][name] = value
    assert is_storable(outcome_of(json.dumps(document).encode(), freeswitch_json.parse))


@given(st.builds(CallRecord, leg=texts, callee=texts, release_cause=st.integers(0, 2**32 - 1)))
def test_any_record_of_the_contract_ends_as_a_call_or_a_rejection(record: CallRecord) -> None:
    """Protobuf bounds little."""
    record.start_time.seconds = to_micros(NOW) // 1_000_000
    record.call_key.value = "1"
    assert is_storable(outcome_of(record.SerializeToString(), grpc_record.parse))


def test_a_number_that_no_computer_reads_is_malformed() -> None:
    """Python refuses to convert more than 4,300 digits, and not as a JSON error."""
    document = json.dumps(freeswitch_document()).replace('"16"', "9" * 5_000)
    rejection = outcome_of(document.encode(), freeswitch_json.parse)
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.MALFORMED_RECORD


@pytest.mark.parametrize("cause", ["-1", "128", "607", "99999"])
def test_a_cause_that_q850_does_not_have_is_unknown(cause: str) -> None:
    """FreeSWITCH has causes of its own; the call is billed all the same."""
    document = json.dumps(freeswitch_document(hangup_cause_q850=cause)).encode()
    call = outcome_of(document, freeswitch_json.parse)
    assert isinstance(call, NormalisedCall)
    assert call.release_cause == 0


def test_a_call_cannot_ring_longer_than_a_call_may_last() -> None:
    """An answer in the year 9999 is no time that a list of calls could show."""
    line = asterisk_line(answer="9999-12-31 23:59:59").encode()
    rejection = outcome_of(line, asterisk_csv.parse, time_zone="America/New_York")
    assert isinstance(rejection, Rejection)
    assert rejection.reason is Reason.ABSURD_DURATION

"""What dial plans send, as JSON, form or query, becomes one message or an error that says why."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import DomainError
from services.rating.api.http_requests import (
    Fields,
    close_request,
    extend_request,
    fields_of,
    open_request,
)
from tollbook.type.v1.call_pb2 import CallKeyKind

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
OPEN = {
    "session_id": "1732350000.17",
    "call_key_kind": "asterisk_unique_id",
    "line": "alice",
    "caller": "31201234567",
    "callee": "31612345678",
    "start_time": "2026-11-23T09:00:00+01:00",
    "equipment": "asterisk",
}


def as_json(values: dict[str, Any]) -> Fields:
    return fields_of("", JSON, json.dumps(values).encode())


def as_form(values: dict[str, Any]) -> Fields:
    return fields_of("", FORM, urlencode(values).encode())


def as_query(values: dict[str, Any]) -> Fields:
    return fields_of(urlencode(values), "application/octet-stream", b"")


@pytest.mark.parametrize("written", [as_json, as_form, as_query])
def test_every_way_of_writing_means_the_same(written: Any) -> None:
    """One request, however the switch's client sends it."""
    request = open_request(written(OPEN))
    assert request.session_id == request.call.call_key.value == "1732350000.17"
    assert request.call.call_key.kind == CallKeyKind.CALL_KEY_KIND_ASTERISK_UNIQUE_ID
    assert (request.call.line, request.call.callee) == ("alice", "31612345678")
    assert request.call.start_time.seconds == 1_795_420_800
    assert request.equipment == "asterisk"


def test_numbers_and_texts_are_alike() -> None:
    """JSON has numbers, forms have none."""
    extend = {"session_id": "1", "sequence": 2, "used_seconds": 60, "answer_time": 1795420800.25}
    assert extend_request(as_json(extend)) == extend_request(as_form(extend))
    assert extend_request(as_json(extend)).answer_time.nanos == 250_000_000


@pytest.mark.parametrize(
    ("duration", "milliseconds", "answered"),
    [
        ({"duration_ms": "65250"}, 65_250, True),
        ({"duration_seconds": "65.25"}, 65_250, True),
        ({"duration_seconds": "65"}, 65_000, True),
        ({"duration_seconds": "0"}, 0, False),
        ({}, 0, False),
        ({"duration_seconds": "0", "answered": "yes"}, 0, True),
        ({"duration_ms": "10", "answered": False}, 10, False),
    ],
)
def test_a_call_that_lasted_was_answered(
    duration: dict[str, Any], milliseconds: int, answered: bool
) -> None:
    """Unless the switch says otherwise."""
    request = close_request(as_json({"session_id": "1", **duration}))
    assert (request.duration_ms, request.answered) == (milliseconds, answered)


def test_an_end_may_tell_the_call() -> None:
    """For a session that was not opened here."""
    assert not close_request(as_form({"session_id": "1"})).HasField("call")
    assert close_request(as_form(OPEN)).call.callee == "31612345678"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("call_key_kind", "guid", "one of sip_call_id"),
        ("call_key_kind", "", "one of sip_call_id"),
        ("requested_seconds", "-1", "whole number"),
        ("requested_seconds", "1e3", "whole number"),
        ("requested_seconds", "٣", "whole number"),
        ("requested_seconds", "4294967296", "whole number"),
        ("start_time", "yesterday", "ISO 8601"),
        ("start_time", "2026-11-23T09:00:00", "with a zone"),
        ("start_time", "0000-00-00T00:00:00Z", "ISO 8601"),
        ("calee", "31612345678", "leave it out"),
    ],
)
def test_a_wrong_field_is_named(field: str, value: str, said: str) -> None:
    """With what was written and what is expected."""
    with pytest.raises(DomainError, match=said) as caught:
        open_request(as_form({**OPEN, field: value}))
    assert (caught.value.reason, caught.value.metadata["field"]) == ("INVALID_FIELD", field)


def test_seconds_and_milliseconds_are_not_added() -> None:
    """Whoever sends both means one of them."""
    both = {"session_id": "1", "duration_ms": "1", "duration_seconds": "1"}
    with pytest.raises(DomainError, match="left out"):
        close_request(as_form(both))


@pytest.mark.parametrize(
    "body",
    [b"[]", b"1", b"{", b'{"a": NaN}', b"\xff", b'{"a": {"b": 1}}', b'{"a": [1]}', b"[" * 20_000],
)
def test_a_body_that_is_not_flat_is_refused(body: bytes) -> None:
    """One object, nothing nested."""
    with pytest.raises(DomainError) as caught:
        fields_of("", JSON, body)
    assert caught.value.reason in {"INVALID_BODY", "INVALID_FIELD"}


@pytest.mark.parametrize(
    ("query", "content_type", "body"),
    [("a=1", FORM, b"a=2"), ("", FORM, b"a=1&a=1"), ("", JSON, b'{"a": 1, "a": 2}')],
)
def test_a_field_is_given_once(query: str, content_type: str, body: bytes) -> None:
    """Nobody can tell which of two is meant."""
    with pytest.raises(DomainError, match="twice"):
        fields_of(query, content_type, body)


@pytest.mark.parametrize("bad", ["a\0b", "a\ud800", "\udfffb"])
@pytest.mark.parametrize("place", ["name", "value"])
def test_what_no_database_stores_is_refused(bad: str, place: str) -> None:
    """NUL and half characters, which JSON can write, in a field or as its name."""
    fields = {bad: "1"} if place == "name" else {"session_id": bad}
    with pytest.raises(DomainError, match="is not text") as caught:
        as_json(fields)
    assert caught.value.reason == "INVALID_FIELD"
    assert str(caught.value).encode()


@given(body=st.binary(max_size=200), content_type=st.sampled_from([JSON, FORM]))
def test_any_body_is_read_or_refused(body: bytes, content_type: str) -> None:
    """Never a crash."""
    for read in (open_request, extend_request, close_request):
        try:
            read(fields_of("", content_type, body))
        except DomainError as error:
            reason = error.reason
        else:
            reason = "INVALID_FIELD" if read is open_request else ""
        assert reason in {"", "INVALID_BODY", "INVALID_FIELD"}

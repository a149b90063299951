"""FreeSWITCH's mod_json_cdr documents."""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from services.cdr.domain.formats.freeswitch_json import parse
from services.cdr.domain.records import Reason, RejectedRecordError
from tests.unit.cdr.freeswitch import freeswitch_document


def read(document: Any) -> Any:
    return parse(json.dumps(document).encode())


def refused(content: bytes) -> RejectedRecordError:
    with pytest.raises(RejectedRecordError) as caught:
        parse(content)
    return caught.value


def test_an_answered_call_is_exact_to_the_millisecond() -> None:
    """Times come in microseconds, the duration from billmsec, not from whole seconds."""
    record = read(freeswitch_document())
    assert record.call_key == "361ab3a0-fb1f-11e4-a5cc-cb18ef41548e"
    assert record.start == datetime(2026, 3, 2, 11, 0, 0, 831472, tzinfo=UTC)
    assert record.answer == datetime(2026, 3, 2, 11, 0, 10, 851472, tzinfo=UTC)
    assert (record.billable_ms, record.total_ms) == (8_020, 18_040)
    assert (record.caller, record.callee) == ("0201234567", "0032475123456")
    assert (record.account_code, record.sip_user) == ("acme", "alice")
    assert (record.leg, record.release_cause) == ("a", 16)


def test_without_milliseconds_whole_seconds_are_taken() -> None:
    """A switch that was told to leave variables out still writes billsec."""
    document = freeswitch_document()
    for name in ("billmsec", "mduration", "start_uepoch", "answer_uepoch"):
        del document["variables"][name]
    record = read(document)
    assert (record.billable_ms, record.total_ms) == (8_000, 18_000)
    assert record.start == datetime(2026, 3, 2, 11, 0, 0, tzinfo=UTC)


def test_an_answer_at_zero_never_happened() -> None:
    """FreeSWITCH writes 0 for what did not happen; it is not the year 1970."""
    variables = {"answer_uepoch": "0", "answer_epoch": "0", "billmsec": "0", "billsec": "0"}
    record = read(freeswitch_document(**variables))
    assert (record.answered, record.answer, record.billable_ms) == (False, None, 0)


def test_the_times_of_the_callflow_stand_in_for_missing_variables() -> None:
    """Without any *_epoch variable, start, answer and end come from the callflow."""
    document = freeswitch_document()
    for name in list(document["variables"]):
        if "epoch" in name or name.startswith("bill"):
            del document["variables"][name]
    assert read(document).billable_ms == 8_020


def test_values_are_percent_decoded() -> None:
    """encode-values is on by default."""
    assert read(freeswitch_document(accountcode="acme%20nl%2B1")).account_code == "acme nl+1"


def test_a_channel_with_an_originator_is_the_b_leg() -> None:
    """FreeSWITCH's own rule for which leg a channel is."""
    document = freeswitch_document()
    document["callflow"][0]["caller_profile"]["originator"] = {"originator_caller_profiles": []}
    assert read(document).leg == "b"


@pytest.mark.parametrize(
    ("variables", "gateway"),
    [
        ({"sip_gateway_name": "carrier-a", "sip_gateway": "pbx"}, "carrier-a"),
        ({"last_app": "bridge", "last_arg": "sofia/gateway/carrier-a/31612345678"}, "carrier-a"),
        ({"last_app": "bridge", "last_arg": "%7Ba=1,b=2%7Dsofia/gateway/external::c/316"}, "c"),
        ({"last_app": "bridge", "last_arg": "sofia/gateway/a/316|sofia/gateway/b/316"}, ""),
        ({"last_app": "bridge", "last_arg": "sofia/gateway/a/316,user/1000@pbx"}, ""),
        ({"last_app": "bridge", "last_arg": "sofia/external/316@203.0.113.5"}, ""),
        ({"last_app": "playback", "last_arg": "sofia/gateway/a/316"}, ""),
        ({"sip_gateway": "pbx"}, ""),
    ],
)
def test_the_egress_trunk_is_the_gateway_if_there_was_only_one(
    variables: dict[str, str], gateway: str
) -> None:
    """Which of several gateways took the call is not said; where it came in is another matter."""
    assert read(freeswitch_document(**variables)).egress_trunk == gateway


def test_another_egress_trunk_is_other_content() -> None:
    """It decides what the call costs us, so that it is never taken for a duplicate."""
    first = read(freeswitch_document(sip_gateway_name="carrier-a"))
    assert read(freeswitch_document(sip_gateway_name="carrier-b")).content != first.content


def test_a_single_callflow_is_read_like_an_array_of_one() -> None:
    """Older versions write an object, and repeat the key for each profile, newest first."""
    document = freeswitch_document()
    [callflow] = document.pop("callflow")
    older = {"caller_profile": {"destination_number": "0000"}}
    body = json.dumps(document)[:-1]
    body += f', "callflow": {json.dumps(callflow)}, "callflow": {json.dumps(older)}}}'
    assert parse(body.encode()).callee == "0032475123456"


def test_a_document_that_was_left_on_disk_encoded_is_read() -> None:
    """The module writes what it could not push percent-encoded as a whole."""
    encoded = quote(json.dumps(freeswitch_document()), safe="")
    assert parse(encoded.encode() + b"\n").callee == "0032475123456"


def test_equal_records_have_equal_content_however_they_were_encoded() -> None:
    """The same call, pushed again and found on disk, is one record."""
    plain = json.dumps(freeswitch_document())
    assert parse(plain.encode()).content == parse(quote(plain, safe="").encode()).content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"variables": {"uuid": "1"', Reason.MALFORMED_RECORD),
        (b"[1, 2]", Reason.MALFORMED_RECORD),
        (b'{"core-uuid": "1"}', Reason.MALFORMED_RECORD),
        (b'{"variables": {"uuid": "\xff"}}', Reason.INVALID_ENCODING),
        (b'{"variables": {"uuid": "1"}}', Reason.MISSING_FIELD),
        (b'{"variables": {"uuid": "1", "start_uepoch": "soon"}}', Reason.MALFORMED_RECORD),
        (b'{"variables": {"start_uepoch": "999999999999999999"}}', Reason.MALFORMED_RECORD),
        (b"[" * 100_000, Reason.MALFORMED_RECORD),
    ],
)
def test_a_damaged_document_is_kept_with_its_reason(content: bytes, reason: Reason) -> None:
    """Nothing that arrives can make the parser fail in another way."""
    assert refused(content).reason is reason

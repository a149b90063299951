"""What a switch is told by RADIUS is what was granted, in the switch's own attributes."""

from pathlib import Path

from services.rating.api.radius.answers import access_reply, accounting_reply, rejection
from services.rating.domain.charging.answer import Answer, Reason, Verdict, WhenExhausted
from services.rating.domain.charging.return_codes import STANDARD_TABLE
from tests.unit.rating.radius import a_client

OK = STANDARD_TABLE[Reason.NONE]
NO_MONEY = STANDARD_TABLE[Reason.INSUFFICIENT_FUNDS]
GRANTED = Answer(
    session_id="sbc:1",
    sequence=0,
    verdict=Verdict.GRANTED,
    granted_seconds=300,
    ask_again_at_seconds=270,
    currency="EUR",
    held_micros=1_259_999,
)


def test_a_granted_call_may_last_as_long_as_granted(tmp_path: Path) -> None:
    """Session-Timeout, and when to tell of it."""
    reply = access_reply(GRANTED, OK, a_client(tmp_path), used_seconds=0)
    assert dict(reply.attributes) == {"Session-Timeout": 300, "Acct-Interim-Interval": 270}
    assert not reply.is_reject


def test_a_gateway_is_told_in_its_own_attributes(tmp_path: Path) -> None:
    """With their names in the values, and money rounded down."""
    client = a_client(tmp_path, profile="cisco")
    told = dict(access_reply(GRANTED, OK, client, used_seconds=0).attributes)
    assert told["h323-credit-time"] == "h323-credit-time=300"
    assert told["h323-credit-amount"] == "h323-credit-amount=1.25"
    assert told["h323-currency"] == "h323-currency=EUR"
    assert told["h323-return-code"] == "h323-return-code=0"


def test_names_are_left_out_of_values_where_they_are_not_known(tmp_path: Path) -> None:
    """Gateways of other makers take the bare value."""
    client = a_client(tmp_path, profile="cisco", names_in_values=False)
    told = dict(access_reply(GRANTED, OK, client, used_seconds=0).attributes)
    assert told["h323-credit-time"] == "300"


def test_a_call_that_asks_again_is_told_what_is_left(tmp_path: Path) -> None:
    """The grant counts from the answer, a timeout from now; never more often than once a minute."""
    client = a_client(tmp_path, reauthorises=True)
    reply = access_reply(GRANTED, OK, client, used_seconds=240)
    assert dict(reply.attributes) == {
        "Session-Timeout": 60,
        "Termination-Action": 1,
        "Acct-Interim-Interval": 60,
    }


def test_a_call_without_a_limit_is_not_cut(tmp_path: Path) -> None:
    """Who pays later talks on."""
    answer = Answer("sbc:1", 0, Verdict.GRANTED, when_exhausted=WhenExhausted.CONTINUE)
    assert access_reply(answer, OK, a_client(tmp_path), 0).attributes == ()


def test_a_refusal_has_the_reason_and_the_code_of_the_switch(tmp_path: Path) -> None:
    """402 for SIP, 12 for H.323, the word for all."""
    refused = Answer("sbc:1", 0, Verdict.REFUSED, Reason.INSUFFICIENT_FUNDS)
    sip = access_reply(refused, NO_MONEY, a_client(tmp_path, profile="kamailio"), 0)
    h323 = access_reply(refused, NO_MONEY, a_client(tmp_path, profile="cisco"), 0)
    plain = rejection("INSUFFICIENT_FUNDS", NO_MONEY, a_client(tmp_path))
    word = ("Reply-Message", "INSUFFICIENT_FUNDS")
    assert sip.attributes == (word, ("Sip-Response-Code", 402))
    assert h323.attributes == (word, ("h323-return-code", "h323-return-code=12"))
    assert plain.attributes == (word,)
    assert all(reply.is_reject for reply in (sip, h323, plain))


def test_accounting_is_acknowledged(tmp_path: Path) -> None:
    """With no attribute but a gateway's own (RFC 2866, section 5.13)."""
    assert accounting_reply(GRANTED, a_client(tmp_path), 60).attributes == ()
    gateway = accounting_reply(GRANTED, a_client(tmp_path, profile="cisco"), 60)
    assert ("h323-credit-time", "h323-credit-time=240") in gateway.attributes
    closed = Answer("sbc:1", 1, Verdict.CLOSED, currency="EUR")
    assert accounting_reply(closed, a_client(tmp_path, profile="cisco"), 60).attributes == ()

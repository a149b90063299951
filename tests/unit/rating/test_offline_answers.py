"""What an account's policy answers while payment or the database does not."""

from dataclasses import replace

import pytest

from kernel.e164 import DialledNumber, NumberKind
from services.rating.domain.charging.answer import Reason, Verdict
from services.rating.domain.charging.offline import (
    CLOSE_SEQUENCE,
    CallInOutage,
    ChargingRequest,
    OfflineAnswer,
    after_answer,
    answer_in_outage,
    as_told,
    is_emergency,
    one_after_the_other,
    remembered_for,
)
from services.rating.domain.charging.policy import DEFAULT_POLICY, OutageRule
from services.rating.domain.charging.requests import CloseRequest, ExtendRequest, OpenRequest
from services.rating.usecases.charging.offline_document import from_document, to_document
from tests.unit.rating.live_calls import charged_call

ALLOWING = replace(DEFAULT_POLICY, outage_rule=OutageRule.ALLOW, outage_seconds=30)
KNOWN = CallInOutage("payer", ALLOWING, is_refused=False)
OPEN = OpenRequest("s", charged_call())
EXTEND = ExtendRequest("s", 1, 20)
CLOSE = CloseRequest("s", 30_000, answered=True)
EMERGENCY = OpenRequest("s", charged_call(callee=DialledNumber("112", NumberKind.EMERGENCY)))


def told(request: ChargingRequest, call: CallInOutage) -> tuple[Verdict, Reason, int]:
    answer = answer_in_outage(request, call)
    return answer.verdict, answer.reason, answer.granted_seconds


def test_a_policy_that_denies_lets_no_call_begin_and_none_go_on() -> None:
    """The call has what it was granted before."""
    denying = replace(KNOWN, policy=DEFAULT_POLICY)
    refused = (Verdict.REFUSED, Reason.FUNDS_UNAVAILABLE, 0)
    assert told(OPEN, denying) == told(ExtendRequest("s", 1, 50), denying) == refused


def test_a_policy_that_allows_gives_seconds_on_credit() -> None:
    """To a call that begins from its answer on, to one that goes on beyond what it has used."""
    granted = Verdict.GRANTED, Reason.OFFLINE_ALLOWANCE
    assert told(OPEN, KNOWN) == (*granted, 30)
    assert told(ExtendRequest("s", 1, 50), KNOWN) == (*granted, 80)


def test_an_account_that_nobody_knows_or_that_is_blocked_gets_nothing_on_credit() -> None:
    """Whatever the tenant's policy is."""
    assert told(OPEN, replace(KNOWN, is_refused=True))[1] is Reason.FUNDS_UNAVAILABLE


def test_a_call_is_given_its_allowance_once() -> None:
    """However long the outage lasts, and however often it asks."""
    opened = answer_in_outage(OPEN, KNOWN)
    call = after_answer(KNOWN, opened)
    assert answer_in_outage(OPEN, call) is opened
    assert told(ExtendRequest("s", 1, 20), call) == (Verdict.GRANTED, Reason.OFFLINE_ALLOWANCE, 30)
    last = (Verdict.REFUSED, Reason.FUNDS_UNAVAILABLE, 30)
    assert told(ExtendRequest("s", 2, 30), call) == last


def test_an_emergency_call_goes_on_for_ever() -> None:
    """Nobody needs to know who calls."""
    assert is_emergency(EMERGENCY)
    call = CallInOutage(is_emergency=True)
    assert told(EMERGENCY, call)[2] == 86_400
    assert told(ExtendRequest("s", 9, 1_000), call)[2] == 87_400


def test_the_end_of_a_call_is_taken_down() -> None:
    """It is charged afterwards."""
    request = CloseRequest("s", 60_000, answered=True)
    assert told(request, KNOWN) == (Verdict.CLOSED, Reason.NONE, 0)
    assert answer_in_outage(request, KNOWN).sequence == CLOSE_SEQUENCE


@pytest.mark.parametrize(
    "request_",
    [
        OPEN,
        EMERGENCY,
        ExtendRequest("s", 3, 50, 60, answer_micros=1),
        CloseRequest("s", 1_000, answered=True, call=charged_call(), equipment="gateway"),
        CloseRequest("s", 0, answered=False),
    ],
)
def test_an_answer_is_read_again_as_it_was_written(request_: ChargingRequest) -> None:
    """By a later process."""
    answer = answer_in_outage(request_, KNOWN)
    offline = OfflineAnswer("acme", "payer", request_, answer, 1_700_000_000_000_000)
    document = to_document(offline)
    assert b"\n" not in document
    assert from_document(document) == offline


def test_a_call_that_begins_under_the_id_of_one_that_has_ended_is_another_one() -> None:
    """It is neither of the former account nor an emergency; its end and extends are its own."""
    ended = after_answer(replace(KNOWN, is_emergency=True), answer_in_outage(CLOSE, KNOWN))
    assert remembered_for(OPEN, ended) == CallInOutage()
    assert remembered_for(CLOSE, ended) is ended
    going_on = after_answer(KNOWN, answer_in_outage(OPEN, KNOWN))
    assert remembered_for(OPEN, going_on) is going_on


def test_answers_to_calls_of_one_id_are_stored_one_call_after_the_other() -> None:
    """Those of other calls, and of other tenants, are stored with them."""
    requests: list[ChargingRequest] = [
        OPEN,
        CLOSE,
        EXTEND,
        OPEN,
        replace(OPEN, session_id="t"),
        CLOSE,
        OPEN,
    ]
    answers = [offline(each) for each in requests]
    parts = [list(part) for part in one_after_the_other(answers)]
    assert parts == [answers[:3], answers[3:6], answers[6:]]
    elsewhere = replace(answers[0], tenant_id="other")
    assert [*one_after_the_other([answers[1], elsewhere])] == [[answers[1], elsewhere]]


def test_a_grant_that_was_written_too_late_is_not_that_of_another_call_with_its_id() -> None:
    """The second was refused; the first has what it was granted."""
    first, second = offline(OPEN), offline(OpenRequest("s", charged_call(call_key="second")))
    refused = replace(second, answer=replace(second.answer, verdict=Verdict.REFUSED))
    assert as_told([first, second, refused]) == [first, refused, refused]


def offline(request: ChargingRequest) -> OfflineAnswer:
    """What was answered in an outage to a request."""
    return OfflineAnswer("acme", "payer", request, answer_in_outage(request, KNOWN), 1)

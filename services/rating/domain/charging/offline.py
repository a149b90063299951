"""Answers that an account's policy gave while payment or the database did not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from kernel.e164 import NumberKind
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.policy import DEFAULT_POLICY, ChargingPolicy, OutageRule
from services.rating.domain.charging.requests import (
    REQUESTED_SECONDS_MAX,
    CloseRequest,
    ExtendRequest,
    OpenRequest,
)

ChargingRequest: TypeAlias = OpenRequest | ExtendRequest | CloseRequest

OPEN_SEQUENCE = 0
# A close has no sequence of its own and comes after all that have one.
CLOSE_SEQUENCE = 2**31 - 1


class FundsUnavailableError(Exception):
    """payment did not answer whether there is money for a call."""


@dataclass(frozen=True, slots=True)
class OfflineAnswer:
    """A request that was answered without payment or the database, to be stored later."""

    tenant_id: str
    account_id: str
    """Whose policy answered; empty where nobody knew whose call it is."""
    request: ChargingRequest
    answer: Answer
    answer_micros: int
    """When it was answered."""


@dataclass(frozen=True, slots=True)
class CallInOutage:
    """What a replica remembers of a call while payment or the database does not answer."""

    account_id: str = ""
    policy: ChargingPolicy = DEFAULT_POLICY
    is_refused: bool = True
    """Nothing may be allowed: nobody knows the account, or it is blocked."""
    is_emergency: bool = False
    answer: Answer | None = None
    """What it was told last in the outage."""
    allowed_seconds: int | None = None
    """What it was allowed in all, once it was: the allowance is given once for each call."""


def sequence_of(request: ChargingRequest) -> int:
    """The sequence by which the answer to a request is known within its session."""
    if isinstance(request, ExtendRequest):
        return request.sequence
    return OPEN_SEQUENCE if isinstance(request, OpenRequest) else CLOSE_SEQUENCE


def as_told(answers: Sequence[OfflineAnswer]) -> list[OfflineAnswer]:
    """Answers in the order in which they were written, as their switches heard them.

    One that was written too late to be given is followed by what was given in its place.
    """
    told: list[OfflineAnswer] = []
    refusals: dict[tuple[str, ChargingRequest], OfflineAnswer] = {}
    for each in reversed(answers):
        key = each.tenant_id, each.request
        if each.answer.verdict is Verdict.REFUSED:
            refusals[key] = each
        told.append(refusals.get(key, each))
    return told[::-1]


def one_after_the_other(answers: Sequence[OfflineAnswer]) -> Iterator[Sequence[OfflineAnswer]]:
    """Answers cut where a call begins under the id of one that has ended among those before."""
    begin, ended = 0, set[tuple[str, str]]()
    for place, each in enumerate(answers):
        session = each.tenant_id, each.request.session_id
        if isinstance(each.request, OpenRequest) and session in ended:
            yield answers[begin:place]
            begin = place
            ended.clear()
        elif isinstance(each.request, CloseRequest):
            ended.add(session)
    yield answers[begin:]


def remembered_for(request: ChargingRequest, call: CallInOutage) -> CallInOutage:
    """What is remembered of a request's call: nothing of one that has ended when it begins."""
    has_ended = call.answer is not None and call.answer.verdict is Verdict.CLOSED
    return CallInOutage() if has_ended and isinstance(request, OpenRequest) else call


def is_emergency(request: ChargingRequest) -> bool:
    """Whether a request is about a call to an emergency number."""
    call = None if isinstance(request, ExtendRequest) else request.call
    return call is not None and call.callee.kind is NumberKind.EMERGENCY


def answer_in_outage(request: ChargingRequest, call: CallInOutage) -> Answer:
    """What the account's policy answers. A close is taken down, to be charged later."""
    sequence = sequence_of(request)
    if call.answer is not None and call.answer.sequence == sequence:
        return call.answer
    if isinstance(request, CloseRequest):
        return Answer(request.session_id, sequence, Verdict.CLOSED)
    if call.is_emergency:
        return _allowance(request, call, _used(request) + REQUESTED_SECONDS_MAX)
    if call.allowed_seconds is not None and _used(request) < call.allowed_seconds:
        # It has its allowance, and gets no other.
        return _allowance(request, call, call.allowed_seconds)
    is_allowed = call.policy.outage_rule is OutageRule.ALLOW and not call.is_refused
    if not is_allowed or call.allowed_seconds is not None:
        return denial(request, call)
    return _allowance(request, call, _used(request) + call.policy.outage_seconds)


def denial(request: ChargingRequest, call: CallInOutage) -> Answer:
    """That neither payment nor the database answered, and nothing is allowed on credit."""
    return Answer(
        request.session_id,
        sequence_of(request),
        Verdict.REFUSED,
        Reason.FUNDS_UNAVAILABLE,
        granted_seconds=call.allowed_seconds or 0,
    )


def after_answer(call: CallInOutage, answer: Answer) -> CallInOutage:
    """The call with what it was told."""
    is_allowed = answer.reason is Reason.OFFLINE_ALLOWANCE
    allowed_seconds = answer.granted_seconds if is_allowed else call.allowed_seconds
    return replace(call, answer=answer, allowed_seconds=allowed_seconds)


def _allowance(
    request: OpenRequest | ExtendRequest, call: CallInOutage, granted_seconds: int
) -> Answer:
    unused = granted_seconds - _used(request)
    return Answer(
        request.session_id,
        sequence_of(request),
        Verdict.GRANTED,
        Reason.OFFLINE_ALLOWANCE,
        granted_seconds=granted_seconds,
        valid_seconds=call.policy.valid_seconds(unused),
        ask_again_at_seconds=call.policy.ask_again_at(_used(request), granted_seconds),
        when_exhausted=call.policy.when_exhausted,
    )


def _used(request: OpenRequest | ExtendRequest) -> int:
    return request.used_seconds if isinstance(request, ExtendRequest) else 0

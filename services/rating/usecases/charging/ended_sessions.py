"""Sessions on their way to their ends: the calls that are settled, and what becomes of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from kernel.clock import MS_PER_SECOND, from_micros
from kernel.ids import time_key
from services.rating.domain.account import Account
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charging.ended_call import EndedCall
from services.rating.domain.charging.session import AnswerTerms, Level, Session, closed
from services.rating.domain.charging.transfers import (
    CaptureHold,
    ReleaseHold,
    TransferStep,
    hold_key,
)
from services.rating.domain.usage import Service
from services.rating.usecases.settling.charge_events import HeldSettlement


class Ending(NamedTuple):
    """A session that is about to end with its call."""

    session: Session
    ended: EndedCall
    is_chargeable: bool
    """Whether anybody is known who may be charged."""
    is_new: bool
    call_id: bytes
    """What stands for the record of the call, which has none yet."""

    @classmethod
    def of(cls, session: Session, ended: EndedCall, is_chargeable: bool, is_new: bool) -> Ending:
        """The end of a session."""
        start = from_micros(session.call.start_micros)
        call_id = time_key(start, session.tenant_id, "session", session.session_id)
        return cls(session, ended, is_chargeable, is_new, call_id)


def closed_session(ending: Ending, charge: ChargeRevision | None, terms: AnswerTerms) -> Session:
    """The session with what its call comes to; a call that nobody pays has no charge."""
    session, ended = ending.session, ending.ended
    session = session._replace(
        begin_micros=ended.begin_micros if ended.is_answered else session.begin_micros,
        used_seconds=-(-ended.duration_ms // MS_PER_SECOND),
    )
    if charge is None:
        return closed(session, None, 0, terms)
    if not session.levels:
        level = Level(charge.account_id, charge.payer_account_id, charge.currency, "")
        session = session._replace(levels=(level,))
    return closed(session, charge.charge_id, charge.amount_micros, terms)


def ended_calls(endings: Sequence[Ending], accounts: Mapping[str, Account]) -> CallBatch:
    """The calls that end, as they are priced and settled."""
    calls = [each.ended.call for each in endings]
    count = len(calls)
    return CallBatch(
        call_ids=[each.call_id for each in endings],
        call_revisions=[1] * count,
        call_key_kinds=[call.call_key_kind for call in calls],
        call_keys=[call.call_key for call in calls],
        legs=[call.leg for call in calls],
        account_ids=[call.account_id for call in calls],
        payer_account_ids=[accounts[call.account_id].payer_account_id for call in calls],
        callers=[call.caller for call in calls],
        callees=[call.callee.digits for call in calls],
        callee_kinds=[call.callee.kind for call in calls],
        starts_micros=[call.start_micros for call in calls],
        durations_ms=[each.ended.duration_ms for each in endings],
        answered=[int(each.ended.is_answered) for each in endings],
        begins_micros=[each.ended.begin_micros for each in endings],
        services=[Service.VOICE] * count,
        quantities=[0] * count,
        egress_trunks=[call.egress_trunk for call in calls],
        routing_numbers=[call.routing_number for call in calls],
        parties=[Party.CUSTOMER] * count,
        levels=[0] * count,
    )


def end_of_holds(session: Session, paid: Mapping[bytes, HeldSettlement]) -> Iterator[TransferStep]:
    """What ends the holds of a session: the capture of what they pay, or their release."""
    for place, level in enumerate(session.levels):
        if not session.may_hold(place):
            continue
        hold_id = level.hold_id
        settlement = paid.get(hold_key(hold_id))
        if settlement is None:
            yield ReleaseHold(f"{hold_id}/release", hold_id)
        else:
            yield _capture(hold_id, settlement)


def _capture(hold_id: str, settlement: HeldSettlement) -> CaptureHold:
    charge, position = settlement.charge, settlement.position
    return CaptureHold(
        f"{hold_id}/capture/{charge.charge_id.hex()}/{charge.revision}",
        hold_id,
        charge.charge_id,
        charge.revision,
        charge.currency,
        charge.amount_delta_micros,
        position.partition,
        position.sequence,
    )

"""What the intent of a session asks of payment, level by level, and what its answers come to."""

from __future__ import annotations

from collections.abc import Sequence

from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.grants import Wanted
from services.rating.domain.charging.session import Level, Session
from services.rating.domain.charging.transfers import (
    ChangeHold,
    Held,
    NotHeld,
    PlaceHold,
    ReleaseHold,
    StepResult,
    TransferStep,
)

_PAYMENT_REASONS = {
    "INSUFFICIENT_FUNDS": Reason.INSUFFICIENT_FUNDS,
    "SPEND_CAP_REACHED": Reason.SPEND_CAP_REACHED,
    "UNKNOWN_ACCOUNT": Reason.UNKNOWN_ACCOUNT,
    "CURRENCY_MISMATCH": Reason.CURRENCY_MISMATCH,
    "HOLD_ENDED": Reason.SESSION_EXPIRED,
}


def steps_of(session: Session) -> list[TransferStep]:
    """What the intent of a session asks of payment, level by level."""
    return [_step(session, place) for place in _asked_levels(session)]


def takes_money(session: Session) -> bool:
    """Whether the intent of a session asks payment for anything."""
    return bool(_asked_levels(session))


def steps_back(session: Session, results: Sequence[StepResult]) -> list[TransferStep]:
    """What undoes the steps that were taken where another was refused, the last one first."""
    if not refusal_of(session, results):
        return []
    taken = zip(_asked_levels(session), results, strict=True)
    places = [place for place, result in taken if isinstance(result, Held)]
    return [_step_back(session, place) for place in reversed(places)]


def releases_of(session: Session, results: Sequence[StepResult]) -> list[TransferStep]:
    """What gives back all that an intent has got, where its session has ended meanwhile."""
    if refusal_of(session, results):
        return []
    return [_release(session, place) for place in reversed(_asked_levels(session))]


def refusal_of(session: Session, results: Sequence[StepResult]) -> Reason:
    """Why an intent cannot be granted at all; NONE when it can."""
    for place, result in zip(_asked_levels(session), results, strict=True):
        if isinstance(result, NotHeld):
            return _reason(result.reason) if place == 0 else Reason.RESELLER_REFUSED
    return Reason.NONE


def holds_end_micros(results: Sequence[StepResult]) -> int | None:
    """When the first of the holds ends; None where there is none.

    Whoever repeats a step hears how the hold stood when it was executed: that may be a while ago.
    """
    return min((each.expire_micros for each in results if isinstance(each, Held)), default=None)


def levels_after(session: Session, results: Sequence[StepResult]) -> tuple[Level, ...]:
    """The levels with what is held of them now."""
    levels = list(session.levels)
    for place, result in zip(_asked_levels(session), results, strict=True):
        if isinstance(result, Held):
            levels[place] = levels[place]._replace(held_micros=result.held_micros)
    return tuple(levels)


def is_all_held(levels: Sequence[Level], goal: Wanted) -> bool:
    """Whether every level has what was wanted of it."""
    return all(
        (level.held_micros or 0) >= amount
        for level, amount in zip(levels, goal.amounts_micros, strict=True)
    )


def _reason(reason: str) -> Reason:
    return _PAYMENT_REASONS.get(reason, Reason.FUNDS_UNAVAILABLE)


def _asked_levels(session: Session) -> list[int]:
    """The levels of whose money an intent wants some: what is free takes no hold."""
    intent = session.intent
    if intent is None:
        return []
    return [
        place
        for place, level in enumerate(session.levels)
        if level.held_micros is not None or intent.wanted.amounts_micros[place]
    ]


def _step(session: Session, place: int) -> TransferStep:
    intent, level = session.intent, session.levels[place]
    assert intent is not None, "only an intent has steps"
    hold_id = level.hold_id
    amount, least = intent.wanted.amounts_micros[place], intent.wanted.least_micros[place]
    request_id = f"{hold_id}/{intent.sequence}"
    if level.held_micros is not None:
        return ChangeHold(request_id, hold_id, level.currency, amount, least, intent.hold_seconds)
    return PlaceHold(
        request_id,
        hold_id,
        level.payer_account_id,
        level.currency,
        amount,
        least,
        intent.hold_seconds,
        session.session_id,
    )


def _step_back(session: Session, place: int) -> TransferStep:
    intent, level = session.intent, session.levels[place]
    assert intent is not None, "only an intent has steps"
    hold_id, held = level.hold_id, level.held_micros
    if held is None:
        return _release(session, place)
    request_id = f"{hold_id}/{intent.sequence}/back"
    return ChangeHold(request_id, hold_id, level.currency, held, held, intent.hold_seconds)


def _release(session: Session, place: int) -> ReleaseHold:
    hold_id = session.levels[place].hold_id
    return ReleaseHold(f"{hold_id}/release", hold_id)

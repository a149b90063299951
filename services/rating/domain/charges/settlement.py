"""The state machine of a charge: what one more input changes in what was settled before.

There is one charge for a call key, leg and party. Call records, session ends, re-rating and
retries are its inputs; each leads to its next revision, with the difference to settle, or to
nothing.
"""

from dataclasses import dataclass
from enum import IntEnum


class Outcome(IntEnum):
    """How pricing ended; the values are those of tollbook.type.v1.RatingOutcome."""

    RATED = 1
    ZERO = 2
    UNRATED = 3


class InputKind(IntEnum):
    """What asks for a settlement."""

    CALL_RECORD = 1
    SESSION_END = 2
    RETRY = 3
    """A call without a price is tried again."""
    RERATING = 4
    """A priced call is priced again, under corrected terms."""
    SCHEDULE = 5
    """A fee falls due; it is settled once."""
    USAGE = 6
    """Usage that a platform reports itself, by its own key; a higher revision corrects it."""
    REFUND = 7
    """An operator gives a charge back whole."""


# What has revisions of its own, the later of which corrects the earlier.
RECORD_KINDS = frozenset({InputKind.CALL_RECORD, InputKind.USAGE})


@dataclass(frozen=True, slots=True)
class Settled:
    """The newest revision of a charge."""

    revision: int
    outcome: Outcome
    unrated_reason: str
    amount_micros: int
    source: InputKind
    """Whether a record or a session settled it."""
    call_id: bytes | None
    call_revision: int


@dataclass(frozen=True, slots=True)
class Offer:
    """What an input would settle."""

    outcome: Outcome
    unrated_reason: str
    amount_micros: int
    kind: InputKind
    call_id: bytes | None
    call_revision: int


@dataclass(frozen=True, slots=True)
class Step:
    """The next revision of a charge."""

    revision: int
    amount_delta_micros: int


def settle(
    settled: Settled | None, offer: Offer, prevails: InputKind = InputKind.CALL_RECORD
) -> Step | None:
    """The next revision; None when the input changes nothing.

    `prevails` says which of CALL_RECORD and SESSION_END has the last word on a call that has both.
    The same input again never leads to a revision.
    """
    if settled is None:
        return first_step(offer.amount_micros)
    if not _changes(settled, offer, prevails):
        return None
    return Step(settled.revision + 1, offer.amount_micros - settled.amount_micros)


def first_step(amount_micros: int) -> Step:
    """The revision that opens a charge."""
    return Step(1, amount_micros)


def is_newer_record(settled: Settled, offer: Offer) -> bool:
    """Whether an offer comes from a later revision of the record that settled the charge."""
    return (
        offer.kind in RECORD_KINDS
        and settled.call_id == offer.call_id
        and settled.call_revision < offer.call_revision
    )


def _changes(settled: Settled, offer: Offer, prevails: InputKind) -> bool:
    # What was given back stays so until the record itself is corrected.
    if settled.source is InputKind.REFUND:
        return is_newer_record(settled, offer)
    # What was settled stands until there is a price to put in its place.
    if offer.outcome is Outcome.UNRATED and settled.outcome is not Outcome.UNRATED:
        return False
    # A retry is of the call as it was kept: a record that came meanwhile has the word.
    if offer.kind is InputKind.RETRY and not _may_retry(settled, offer):
        return False
    if offer.kind in {InputKind.RETRY, InputKind.RERATING}:
        return _result(settled) != _result(offer)
    if settled.source is not offer.kind:
        return offer.kind is prevails or settled.outcome is Outcome.UNRATED
    # The first source that recorded a call keeps it; a copy from elsewhere is the same call.
    return is_newer_record(settled, offer)


def _may_retry(settled: Settled, offer: Offer) -> bool:
    """Whether what is tried again still waits, or corrects what was priced before it."""
    if settled.outcome is Outcome.UNRATED:
        return settled.call_revision <= offer.call_revision
    return settled.call_revision < offer.call_revision


def _result(side: Settled | Offer) -> tuple[Outcome, str, int]:
    return side.outcome, side.unrated_reason, side.amount_micros

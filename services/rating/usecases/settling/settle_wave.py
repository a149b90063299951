"""One wave of calls on its way from records to charges: no two of them settle the same charge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chassis.database.unit_of_work import EventPosition
from kernel.clock import to_micros
from services.rating.domain.bulk.call_batch import CallBatch, PricedCall
from services.rating.domain.charges.charge import (
    ChargeRevision,
    Party,
    call_charge_ids,
    charge_id,
    party_key,
)
from services.rating.domain.charges.charge_columns import ChargeColumns
from services.rating.domain.charges.settlement import InputKind, Outcome, is_newer_record, settle
from services.rating.store.charges import lock_charges, newest_charges
from services.rating.store.unrated import forget_unrated, keep_unrated
from services.rating.usecases.settling.booking import NOT_BOOKED, Booked
from services.rating.usecases.settling.charge_events import Settlements
from services.rating.usecases.settling.open_charges import open_charges
from services.rating.usecases.settling.price_calls import CallPricing, offer_of

# Compared with a call at a time: plain integers are quicker.
_SUPPLIER, _UNRATED = int(Party.SUPPLIER), int(Outcome.UNRATED)


@dataclass(frozen=True, slots=True)
class SettledWave:
    """What became of the calls of a wave, a place a call."""

    calls: CallBatch
    opened: ChargeColumns
    """Their charges as if none were known."""
    known: Mapping[bytes, ChargeRevision]
    """The charges that were there before."""
    changed: Sequence[ChargeRevision | None] | None
    """The revisions that they led to, None for nothing; or none was known, and all are opened."""

    def settlements(self) -> Settlements:
        """The revisions that they led to, with the numbers of the calls."""
        callers, callees = self.calls.callers, self.calls.callees
        if self.changed is None:
            return Settlements(self.opened, callers, callees)
        places = [place for place, charge in enumerate(self.changed) if charge is not None]
        return Settlements(
            ChargeColumns.of([charge for charge in self.changed if charge is not None]),
            [callers[place] for place in places],
            [callees[place] for place in places],
        )

    def states(self) -> list[ChargeRevision]:
        """The charges as they stand now."""
        openings = self.opened.revisions
        if self.changed is None:
            return openings
        return [
            charge or self.known.get(opening.charge_id, opening)
            for opening, charge in zip(openings, self.changed, strict=True)
        ]

    def is_unchanged(self, place: int) -> bool:
        """Whether a call led to nothing."""
        return self.changed is not None and self.changed[place] is None

    def settled_calls(self) -> CallBatch:
        """The calls that have a charge."""
        if self.changed is None:
            return self.calls
        charges = zip(self.opened["charge_id"], self.changed, strict=True)
        places = [
            place
            for place, (charge_id, charge) in enumerate(charges)
            if charge is not None or charge_id in self.known
        ]
        return self.calls if len(places) == len(self.calls) else self.calls.select(places)

    @property
    def opened_count(self) -> int:
        """Calls that opened a charge."""
        return sum(charge_id not in self.known for charge_id in self.opened["charge_id"])

    @property
    def unrated_count(self) -> int:
        """Calls that have no price."""
        return self.opened["outcome"].count(_UNRATED)

    @property
    def priced_count(self) -> int:
        """Calls that have a price, zero included."""
        return len(self.calls) - self.unrated_count


def settle_wave(
    pricing: CallPricing, calls: CallBatch, kind: InputKind, position: EventPosition
) -> SettledWave:
    """Price calls and settle their charges; what still waits for a price is kept."""
    pricing.hold({*calls.account_ids, *calls.payer_account_ids})
    charge_ids, known = _meet_charges(pricing, calls)
    booked = pricing.bookings.of_calls(calls.payer_account_ids, calls.starts_micros)
    prices = pricing.price(calls, booked, [known.get(each) for each in charge_ids], kind)
    opened = _openings(pricing, calls, charge_ids, prices, booked, kind, position)
    # Nearly always no charge is known, and what opens it is what is settled.
    changed = None
    if known or kind is InputKind.USAGE:
        revisions = opened.revisions
        changed = [_revision(each, known.get(each.charge_id), kind) for each in revisions]
    wave = SettledWave(calls, opened, known, changed)
    _keep_what_waits(pricing, wave, kind)
    return wave


def _meet_charges(
    pricing: CallPricing, calls: CallBatch
) -> tuple[list[bytes], dict[bytes, ChargeRevision]]:
    """The charge of each call, and the state of those that are there already."""
    starts = pricing.sessions.charge_starts(calls)
    ids = call_charge_ids(
        pricing.tenant_id,
        starts,
        calls.call_key_kinds,
        calls.call_keys,
        calls.legs,
        list(map(party_key, calls.parties, calls.levels)),
    )
    known = _known(pricing, ids)
    if not known:
        return ids, known
    for place, met in enumerate(ids):
        if _is_of_another_account(calls, place, known.get(met)):
            ids[place] = _own_charge_id(pricing.tenant_id, calls, place, starts[place])
    return ids, _known(pricing, ids)


def _known(pricing: CallPricing, charge_ids: list[bytes]) -> dict[bytes, ChargeRevision]:
    connection = pricing.uow.connection
    known = lock_charges(connection, charge_ids)
    return newest_charges(connection, pricing.tenant_id, known) if known else {}


def _own_charge_id(tenant_id: str, calls: CallBatch, place: int, start_micros: int) -> bytes:
    """The id of a charge where the first of its key, leg and start is another account's."""
    return charge_id(
        start_micros,
        tenant_id,
        calls.call_key_kinds[place],
        calls.call_keys[place],
        calls.legs[place],
        party_key(calls.parties[place], calls.levels[place]),
        calls.account_ids[place],
    )


def _is_of_another_account(calls: CallBatch, place: int, known: ChargeRevision | None) -> bool:
    if known is None or known.account_id == calls.account_ids[place]:
        return False
    # An older record of a call that has moved since changes nothing anywhere.
    is_outdated = (
        known.call_id == calls.call_ids[place] and known.call_revision > calls.call_revisions[place]
    )
    return not is_outdated


def _openings(
    pricing: CallPricing,
    calls: CallBatch,
    charge_ids: Sequence[bytes],
    prices: Sequence[PricedCall],
    booked: Sequence[Booked],
    kind: InputKind,
    position: EventPosition,
) -> ChargeColumns:
    # A supplier's cost is on no invoice of ours, nor is what has no price.
    periods = [
        NOT_BOOKED if party == _SUPPLIER or not price.currency else period
        for period, price, party in zip(booked, prices, calls.parties, strict=True)
    ]
    the_same = {
        "tenant_id": pricing.tenant_id,
        "source": int(kind),
        "settle_time": to_micros(pricing.uow.now),
        "opened_partition": position.partition,
        "opened_sequence": position.sequence,
    }
    return open_charges(charge_ids, calls, prices, periods, the_same)


def _revision(
    opening: ChargeRevision, newest: ChargeRevision | None, kind: InputKind
) -> ChargeRevision | None:
    """The next revision of a charge; None when the call changes nothing."""
    if newest is None:
        # A platform hears at once that its usage has no price, and may send it again.
        return None if _is_refused(opening, kind) else opening
    step = settle(newest.settled, offer_of(opening, kind))
    if step is None:
        return None
    return opening._replace(
        revision=step.revision,
        amount_delta_micros=step.amount_delta_micros,
        source=newest.source if kind is InputKind.RETRY else opening.source,
        opened_partition=newest.opened_partition,
        opened_sequence=newest.opened_sequence,
    )


def _is_refused(opening: ChargeRevision, kind: InputKind) -> bool:
    return (
        kind is InputKind.USAGE
        and opening.party == Party.CUSTOMER
        and opening.outcome == Outcome.UNRATED
    )


def _keep_what_waits(pricing: CallPricing, wave: SettledWave, kind: InputKind) -> None:
    """Calls that have no price now wait for one; those that have one wait no longer."""
    if not wave.known and not wave.unrated_count:
        return
    openings = wave.opened.revisions
    settled = [
        (place, opening)
        for place, (opening, charge) in enumerate(
            zip(openings, wave.changed or openings, strict=True)
        )
        if charge is not None
        or _replaces_what_waits(opening, wave.known.get(opening.charge_id), kind)
    ]
    waited = [opening.charge_id for _, opening in settled if opening.charge_id in wave.known]
    waiting = [
        (place, opening.charge_id, opening.unrated_reason)
        for place, opening in settled
        if opening.outcome == _UNRATED
    ]
    if waited:
        forget_unrated(pricing.uow.connection, waited)
    keep_unrated(pricing.uow.connection, pricing.tenant_id, wave.calls, waiting)


def _replaces_what_waits(
    opening: ChargeRevision, newest: ChargeRevision | None, kind: InputKind
) -> bool:
    """Whether a call that changes nothing of its charge ends that an older form of it waits."""
    if opening.outcome != _UNRATED:
        return kind is InputKind.RETRY
    return newest is not None and is_newer_record(newest.settled, offer_of(opening, kind))

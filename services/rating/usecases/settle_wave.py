"""One wave of calls on its way from records to charges: no two of them settle the same charge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kernel.clock import to_micros
from services.rating.domain.bulk.call_batch import CallBatch, PricedCall
from services.rating.domain.charges.charge import (
    ChargeRevision,
    Party,
    call_charge_ids,
    charge_id,
    party_key,
)
from services.rating.domain.charges.settlement import InputKind, Outcome, is_newer_record, settle
from services.rating.store.charges import lock_charges, newest_charges
from services.rating.store.unrated import forget_unrated, keep_unrated
from services.rating.usecases.booking import NOT_BOOKED, Booked
from services.rating.usecases.charge_events import Settlement
from services.rating.usecases.open_charges import open_charges
from services.rating.usecases.price_calls import CallPricing, offer_of


@dataclass(frozen=True, slots=True)
class SettledWave:
    """What became of the calls of a wave, a place a call."""

    calls: CallBatch
    openings: Sequence[ChargeRevision]
    """Their charges as if none were known."""
    charges: Sequence[ChargeRevision | None]
    """The revisions that they led to; None for nothing."""
    known: Mapping[bytes, ChargeRevision]
    """The charges that were there before."""

    def settlements(self) -> Iterator[Settlement]:
        """The revisions with the numbers of their calls."""
        for charge, caller, callee in zip(
            self.charges, self.calls.callers, self.calls.callees, strict=True
        ):
            if charge is not None:
                yield Settlement(charge, caller, callee)

    def states(self) -> list[ChargeRevision]:
        """The charges as they stand now."""
        return [
            charge or self.known.get(opening.charge_id, opening)
            for opening, charge in zip(self.openings, self.charges, strict=True)
        ]

    def settled_calls(self) -> CallBatch:
        """The calls that have a charge."""
        places = [
            place
            for place, (opening, charge) in enumerate(zip(self.openings, self.charges, strict=True))
            if charge is not None or opening.charge_id in self.known
        ]
        return self.calls if len(places) == len(self.calls) else self.calls.select(places)

    @property
    def opened_count(self) -> int:
        """Calls that opened a charge."""
        return sum(each.charge_id not in self.known for each in self.openings)

    @property
    def unrated_count(self) -> int:
        """Calls that have no price."""
        return sum(each.outcome == _UNRATED for each in self.openings)

    @property
    def priced_count(self) -> int:
        """Calls that have a price, zero included."""
        return len(self.openings) - self.unrated_count


def settle_wave(
    pricing: CallPricing, calls: CallBatch, kind: InputKind, position: tuple[int, int]
) -> SettledWave:
    """Price calls and settle their charges; what still waits for a price is kept."""
    pricing.hold({*calls.account_ids, *calls.payer_account_ids})
    charge_ids, known = _meet_charges(pricing, calls)
    prices = pricing.price(calls, [known.get(each) for each in charge_ids], kind)
    openings = _openings(pricing, calls, charge_ids, prices, kind, position)
    # Nearly always no charge is known, and what opens it is what is settled.
    charges: Sequence[ChargeRevision | None] = openings
    if known or kind is InputKind.USAGE:
        charges = [_revision(each, known.get(each.charge_id), kind) for each in openings]
    wave = SettledWave(calls, openings, charges, known)
    _keep_what_waits(pricing, wave, kind)
    return wave


def _meet_charges(
    pricing: CallPricing, calls: CallBatch
) -> tuple[list[bytes], dict[bytes, ChargeRevision]]:
    """The charge of each call, and the state of those that are there already."""
    ids = call_charge_ids(
        pricing.tenant_id,
        calls.starts_micros,
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
            ids[place] = _own_charge_id(pricing.tenant_id, calls, place)
    return ids, _known(pricing, ids)


def _known(pricing: CallPricing, charge_ids: list[bytes]) -> dict[bytes, ChargeRevision]:
    connection = pricing.uow.connection
    known = lock_charges(connection, charge_ids)
    return newest_charges(connection, pricing.tenant_id, known) if known else {}


def _own_charge_id(tenant_id: str, calls: CallBatch, place: int) -> bytes:
    """The id of a charge where the first of its key, leg and start is another account's."""
    return charge_id(
        calls.starts_micros[place],
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
    kind: InputKind,
    position: tuple[int, int],
) -> list[ChargeRevision]:
    def book(payer_id: str, start_micros: int, currency: str, party: int) -> Booked:
        # A supplier's cost is on no invoice of ours.
        if not currency or party == Party.SUPPLIER:
            return NOT_BOOKED
        return pricing.bookings.book(payer_id, start_micros)

    currencies = [price.currency for price in prices]
    periods = list(
        map(book, calls.payer_account_ids, calls.starts_micros, currencies, calls.parties)
    )
    the_same = {
        "tenant_id": pricing.tenant_id,
        "source": int(kind),
        "settle_time": to_micros(pricing.uow.now),
        "opened_partition": position[0],
        "opened_sequence": position[1],
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
    kept: list[tuple[int, bytes, str]] = []
    forgotten: list[bytes] = []
    for place, (opening, charge) in enumerate(zip(wave.openings, wave.charges, strict=True)):
        newest = wave.known.get(opening.charge_id)
        if opening.outcome != _UNRATED:
            is_over = charge is not None or kind is InputKind.RETRY
        else:
            is_over = charge is not None or _is_newer_record(opening, newest, kind)
            if is_over:
                kept.append((place, opening.charge_id, opening.unrated_reason))
        if is_over and newest is not None:
            forgotten.append(opening.charge_id)
    if forgotten:
        forget_unrated(pricing.uow.connection, forgotten)
    keep_unrated(pricing.uow.connection, pricing.tenant_id, wave.calls, kept)


def _is_newer_record(
    opening: ChargeRevision, newest: ChargeRevision | None, kind: InputKind
) -> bool:
    return newest is not None and is_newer_record(newest.settled, offer_of(opening, kind))


_UNRATED = int(Outcome.UNRATED)

"""Pricing a batch of calls and settling their charges: what records and retries have in common."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros, to_micros
from services.rating.domain.call_batch import CallBatch, Customers, PricedCall, price_batch
from services.rating.domain.charge import (
    ChargeRevision,
    Party,
    call_charge_ids,
    charge_id,
)
from services.rating.domain.settlement import (
    InputKind,
    Offer,
    Outcome,
    is_newer_record,
    settle,
)
from services.rating.store.accounts import subscriptions_of
from services.rating.store.charges import lock_charges, newest_charges
from services.rating.store.pricing_lock import share_pricing
from services.rating.store.unrated import forget_unrated, keep_unrated
from services.rating.usecases.booking import NOT_BOOKED, Booked, Bookings
from services.rating.usecases.charge_events import Settlement, record_settlements
from services.rating.usecases.moved_calls import withdraw_moved
from services.rating.usecases.open_charges import open_charges
from services.rating.usecases.tariffs import Tariffs


class SettledCounts(NamedTuple):
    """What a batch led to."""

    opened: int = 0
    priced: int = 0
    unrated: int = 0


def settle_calls(
    uow: UnitOfWork,
    tariffs: Tariffs,
    tenant_id: str,
    calls: CallBatch,
    kind: InputKind,
    position: tuple[int, int],
) -> SettledCounts:
    """Price calls, settle their charges and publish what changed.

    `position` is the event of cdr that brought the calls, noted in the charges that it opens.
    """
    if not calls:
        return SettledCounts()
    opened = priced = unrated = 0
    for wave in _waves(calls):
        counts = _Settling(uow, tenant_id, wave, kind, position).run(tariffs)
        opened += counts.opened
        priced += counts.priced
        unrated += counts.unrated
    return SettledCounts(opened, priced, unrated)


def _waves(calls: CallBatch) -> Iterator[CallBatch]:
    """The batch in parts, none of which has two inputs to the same charge."""
    keys = list(
        zip(calls.starts_micros, calls.call_key_kinds, calls.call_keys, calls.legs, strict=True)
    )
    if len(set(keys)) == len(keys):
        yield calls
        return
    remaining = list(range(len(keys)))
    while remaining:
        first = {keys[place]: place for place in reversed(remaining)}
        wave = sorted(first.values())
        yield calls.select(wave)
        remaining = sorted(set(remaining) - set(wave))


class _Settling:
    """One wave of calls on its way from records to charges."""

    def __init__(
        self,
        uow: UnitOfWork,
        tenant_id: str,
        calls: CallBatch,
        kind: InputKind,
        position: tuple[int, int],
    ) -> None:
        self._uow = uow
        self._tenant_id = tenant_id
        self._calls = calls
        self._kind = kind
        self._position = position
        self._bookings = Bookings(uow, tenant_id)

    def run(self, tariffs: Tariffs) -> SettledCounts:
        prices = self._price(tariffs)
        charge_ids, known = self._meet_charges()
        openings = self._openings(charge_ids, prices)
        # Nearly always no charge is known, and what opens it is what is settled.
        charges = [self._revision(each, known) for each in openings] if known else openings
        self._record(charges)
        self._keep_what_waits(openings, charges, known)
        unrated = sum(each.outcome == _UNRATED for each in openings)
        return SettledCounts(
            opened=sum(each.charge_id not in known for each in openings),
            priced=len(openings) - unrated,
            unrated=unrated,
        )

    def _record(self, charges: Sequence[ChargeRevision | None]) -> None:
        settlements = [
            Settlement(charge, caller, callee)
            for charge, caller, callee in zip(
                charges, self._calls.callers, self._calls.callees, strict=True
            )
            if charge
        ]
        if self._kind is InputKind.CALL_RECORD:
            corrected = [each.charge for each in settlements if each.charge.call_revision > 1]
            settlements += withdraw_moved(self._uow, self._bookings, corrected)
        record_settlements(self._uow, self._tenant_id, settlements)

    def _price(self, tariffs: Tariffs) -> list[PricedCall]:
        connection, calls = self._uow.connection, self._calls
        share_pricing(connection, self._tenant_id)
        self._bookings.hold({*calls.account_ids, *calls.payer_account_ids})
        known = self._bookings.accounts
        customers = Customers(known, subscriptions_of(connection, self._tenant_id, known))
        return price_batch(
            calls,
            customers,
            tariffs.current(connection, self._tenant_id),
            lambda version_id: tariffs.table(connection, self._tenant_id, version_id),
        )

    def _meet_charges(self) -> tuple[list[bytes], dict[bytes, ChargeRevision]]:
        """The charge of each call, and the state of those that are there already."""
        calls = self._calls
        ids = call_charge_ids(
            self._tenant_id, calls.starts_micros, calls.call_key_kinds, calls.call_keys, calls.legs
        )
        known = self._known(ids)
        if not known:
            return ids, known
        for place, met in enumerate(ids):
            if self._is_of_another_account(place, known.get(met)):
                ids[place] = self._own_charge_id(place)
        return ids, self._known(ids)

    def _known(self, charge_ids: list[bytes]) -> dict[bytes, ChargeRevision]:
        connection = self._uow.connection
        known = lock_charges(connection, charge_ids)
        return newest_charges(connection, self._tenant_id, known) if known else {}

    def _own_charge_id(self, place: int) -> bytes:
        """The id of a charge where the first of its key, leg and start is another account's."""
        calls = self._calls
        return charge_id(
            from_micros(calls.starts_micros[place]),
            self._tenant_id,
            calls.call_key_kinds[place],
            calls.call_keys[place],
            calls.legs[place],
            str(Party.CUSTOMER.value),
            calls.account_ids[place],
        )

    def _is_of_another_account(self, place: int, known: ChargeRevision | None) -> bool:
        if known is None or known.account_id == self._calls.account_ids[place]:
            return False
        # An older record of a call that has moved since changes nothing anywhere.
        is_outdated = (
            known.call_id == self._calls.call_ids[place]
            and known.call_revision > self._calls.call_revisions[place]
        )
        return not is_outdated

    def _openings(
        self, charge_ids: Sequence[bytes], prices: Sequence[PricedCall]
    ) -> list[ChargeRevision]:
        calls = self._calls
        currencies = [price.currency for price in prices]
        periods = list(map(self._book, calls.payer_account_ids, calls.starts_micros, currencies))
        the_same = {
            "tenant_id": self._tenant_id,
            "source": int(self._kind),
            "settle_time": to_micros(self._uow.now),
            "opened_partition": self._position[0],
            "opened_sequence": self._position[1],
        }
        return open_charges(charge_ids, calls, prices, periods, the_same)

    def _book(self, payer_id: str, start_micros: int, currency: str) -> Booked:
        return self._bookings.book(payer_id, start_micros) if currency else NOT_BOOKED

    def _revision(
        self, opening: ChargeRevision, known: Mapping[bytes, ChargeRevision]
    ) -> ChargeRevision | None:
        """The next revision of a charge; None when the call changes nothing."""
        newest = known.get(opening.charge_id)
        if newest is None:
            return opening
        step = settle(newest.settled, self._offer(opening))
        if step is None:
            return None
        return opening._replace(
            revision=step.revision,
            amount_delta_micros=step.amount_delta_micros,
            source=newest.source if self._kind is InputKind.RETRY else opening.source,
            opened_partition=newest.opened_partition,
            opened_sequence=newest.opened_sequence,
        )

    def _offer(self, opening: ChargeRevision) -> Offer:
        return Offer(
            Outcome(opening.outcome),
            opening.unrated_reason,
            opening.amount_micros,
            self._kind,
            opening.call_id,
            opening.call_revision,
        )

    def _keep_what_waits(
        self,
        openings: Sequence[ChargeRevision],
        charges: Sequence[ChargeRevision | None],
        known: Mapping[bytes, ChargeRevision],
    ) -> None:
        """Calls that have no price now wait for one; those that have one wait no longer."""
        kept: list[tuple[int, bytes, str]] = []
        forgotten: list[bytes] = []
        for place, (opening, charge) in enumerate(zip(openings, charges, strict=True)):
            newest = known.get(opening.charge_id)
            if opening.outcome != _UNRATED:
                is_over = charge is not None or self._kind is InputKind.RETRY
            else:
                is_over = charge is not None or self._is_newer_record(opening, newest)
                if is_over:
                    kept.append((place, opening.charge_id, opening.unrated_reason))
            if is_over and newest is not None:
                forgotten.append(opening.charge_id)
        if forgotten:
            forget_unrated(self._uow.connection, forgotten)
        keep_unrated(self._uow.connection, self._tenant_id, self._calls, kept)

    def _is_newer_record(self, opening: ChargeRevision, newest: ChargeRevision | None) -> bool:
        return newest is not None and is_newer_record(newest.settled, self._offer(opening))


_UNRATED = int(Outcome.UNRATED)

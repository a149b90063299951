"""Pricing a batch of calls and settling their charges: what records and retries have in common."""

from collections.abc import Iterator
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros, to_micros
from services.rating.domain.call_batch import CallBatch, Customers, PricedCall, price_batch
from services.rating.domain.charge import ChargeKind, ChargeRevision, Party, charge_id
from services.rating.domain.pricing import MS_PER_SECOND
from services.rating.domain.settlement import (
    InputKind,
    Offer,
    Outcome,
    Step,
    first_step,
    is_newer_record,
    settle,
)
from services.rating.store.accounts import subscriptions_of
from services.rating.store.charges import lock_charges, newest_charges
from services.rating.store.pricing_lock import share_pricing
from services.rating.store.unrated import forget_unrated, keep_unrated
from services.rating.usecases.booking import NOT_BOOKED, Bookings
from services.rating.usecases.charge_events import Settlement, record_settlements
from services.rating.usecases.moved_calls import withdraw_moved
from services.rating.usecases.tariffs import Tariffs


class SettledCounts(NamedTuple):
    """What a batch led to."""

    opened: int = 0
    priced: int = 0
    unrated: int = 0


class CallInput(NamedTuple):
    """One call of a batch, the charge that it meets and what it changes there."""

    place: int
    charge_id: bytes
    known: ChargeRevision | None
    price: PricedCall
    step: Step | None


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
        self._settle_time = to_micros(uow.now)

    def run(self, tariffs: Tariffs) -> SettledCounts:
        calls = self._calls
        inputs = self._meet_charges(self._price(tariffs))
        settlements = [self._settlement(each, each.step) for each in inputs if each.step]
        if self._kind is InputKind.CALL_RECORD:
            corrected = [
                (each.charge_id, calls.call_ids[each.place], calls.call_revisions[each.place])
                for each in inputs
                if each.step and calls.call_revisions[each.place] > 1
            ]
            settlements += withdraw_moved(self._uow, self._bookings, self._tenant_id, corrected)
        record_settlements(self._uow, self._tenant_id, settlements)
        self._keep_what_waits(inputs)
        unrated = sum(each.price.outcome is Outcome.UNRATED for each in inputs)
        return SettledCounts(
            opened=sum(each.known is None for each in inputs),
            priced=len(inputs) - unrated,
            unrated=unrated,
        )

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

    def _meet_charges(self, prices: list[PricedCall]) -> list[CallInput]:
        places = range(len(self._calls))
        ids = [self._charge_id(place) for place in places]
        known = self._known(ids)
        if known:
            for place in places:
                if self._is_of_another_account(place, known.get(ids[place])):
                    ids[place] = self._charge_id(place, self._calls.account_ids[place])
            known = self._known(ids)
        return [
            CallInput(
                place,
                ids[place],
                known.get(ids[place]),
                prices[place],
                self._step(place, known.get(ids[place]), prices[place]),
            )
            for place in places
        ]

    def _known(self, charge_ids: list[bytes]) -> dict[bytes, ChargeRevision]:
        connection = self._uow.connection
        known = lock_charges(connection, charge_ids)
        return newest_charges(connection, self._tenant_id, known) if known else {}

    def _charge_id(self, place: int, *account_id: str) -> bytes:
        calls = self._calls
        return charge_id(
            from_micros(calls.starts_micros[place]),
            self._tenant_id,
            calls.call_key_kinds[place],
            calls.call_keys[place],
            calls.legs[place],
            _CUSTOMER_TEXT,
            *account_id,
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

    def _step(self, place: int, known: ChargeRevision | None, price: PricedCall) -> Step | None:
        if known is None:
            return first_step(price.amount_micros)
        return settle(known.settled, self._offer(place, price))

    def _offer(self, place: int, price: PricedCall) -> Offer:
        return Offer(
            price.outcome,
            price.unrated_reason,
            price.amount_micros,
            self._kind,
            self._calls.call_ids[place],
            self._calls.call_revisions[place],
        )

    def _settlement(self, each: CallInput, step: Step) -> Settlement:
        calls, place, price, known = self._calls, each.place, each.price, each.known
        payer_id, start = calls.payer_account_ids[place], calls.starts_micros[place]
        period = self._bookings.book(payer_id, start) if price.currency else NOT_BOOKED
        is_retry = known is not None and self._kind is InputKind.RETRY
        charge = ChargeRevision(
            charge_id=each.charge_id,
            revision=step.revision,
            tenant_id=self._tenant_id,
            kind=_CALL,
            party=_CUSTOMER,
            call_key_kind=calls.call_key_kinds[place],
            call_key=calls.call_keys[place],
            leg=calls.legs[place],
            call_id=calls.call_ids[place],
            call_revision=calls.call_revisions[place],
            source=known.source if known and is_retry else int(self._kind),
            account_id=calls.account_ids[place],
            payer_account_id=payer_id,
            outcome=int(price.outcome),
            unrated_reason=price.unrated_reason,
            currency=price.currency,
            amount_micros=price.amount_micros,
            amount_delta_micros=step.amount_delta_micros,
            usage_line=price.usage_line,
            prefix=price.prefix,
            period_start=period.start,
            period_end=period.end,
            correction=period.correction,
            start_time=start,
            duration_ms=calls.durations_ms[place],
            charged_ms=price.charged_seconds * MS_PER_SECOND,
            receipt=price.receipt,
            settle_time=self._settle_time,
            opened_partition=known.opened_partition if known else self._position[0],
            opened_sequence=known.opened_sequence if known else self._position[1],
        )
        return Settlement(charge, calls.callers[place], calls.callees[place])

    def _keep_what_waits(self, inputs: list[CallInput]) -> None:
        """Calls that have no price now wait for one; those that have one wait no longer."""
        waiting = [each for each in inputs if self._waits(each)]
        known = [each.charge_id for each in waiting if each.known]
        settled = [each.charge_id for each in inputs if each.known and self._is_done(each)]
        if known or settled:
            forget_unrated(self._uow.connection, [*known, *settled])
        kept = [(each.place, each.charge_id, each.price.unrated_reason) for each in waiting]
        keep_unrated(self._uow.connection, self._tenant_id, self._calls, kept)

    def _waits(self, each: CallInput) -> bool:
        if each.price.outcome is not Outcome.UNRATED:
            return False
        if each.step or each.known is None:
            return True
        return is_newer_record(each.known.settled, self._offer(each.place, each.price))

    def _is_done(self, each: CallInput) -> bool:
        is_priced = each.price.outcome is not Outcome.UNRATED
        return is_priced and (each.step is not None or self._kind is InputKind.RETRY)


_CALL, _CUSTOMER = int(ChargeKind.CALL), int(Party.CUSTOMER)
_CUSTOMER_TEXT = str(_CUSTOMER)

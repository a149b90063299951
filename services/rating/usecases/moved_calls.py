"""A corrected record can show a call to be another account's: the first account gets it back."""

from collections.abc import Iterable

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.rating.domain import receipt
from services.rating.domain.charge import ChargeRevision
from services.rating.domain.settlement import Outcome
from services.rating.store.charges import charges_of_call
from services.rating.store.unrated import forget_unrated
from services.rating.usecases.booking import Bookings
from services.rating.usecases.charge_events import Settlement

CALL_MOVED = "CALL_MOVED"


def withdraw_moved(
    uow: UnitOfWork,
    bookings: Bookings,
    corrected: Iterable[ChargeRevision],
) -> list[Settlement]:
    """Settle at nothing what other accounts were charged for calls whose record was corrected.

    `corrected` are the charges that such calls have now.
    """
    withdrawn = []
    for now in corrected:
        for charge in charges_of_call(uow.connection, now):
            is_elsewhere = charge.charge_id != now.charge_id
            is_older = charge.call_revision < now.call_revision
            if is_elsewhere and is_older and not _is_withdrawn(charge):
                withdrawn.append(_withdraw(uow, bookings, charge, now.call_revision))
    if withdrawn:
        forget_unrated(uow.connection, [each.charge.charge_id for each in withdrawn])
    return withdrawn


def _is_withdrawn(charge: ChargeRevision) -> bool:
    return charge.unrated_reason == CALL_MOVED or (
        charge.outcome != Outcome.UNRATED and receipt.is_moved(charge.receipt)
    )


def _withdraw(
    uow: UnitOfWork, bookings: Bookings, charge: ChargeRevision, call_revision: int
) -> Settlement:
    newer = charge._replace(
        revision=charge.revision + 1,
        call_revision=call_revision,
        settle_time=to_micros(uow.now),
        amount_micros=0,
        amount_delta_micros=-charge.amount_micros,
    )
    if charge.outcome == Outcome.UNRATED:
        return Settlement(newer._replace(unrated_reason=CALL_MOVED))
    bookings.hold({charge.payer_account_id})
    period = bookings.book(charge.payer_account_id, charge.start_time)
    return Settlement(
        newer._replace(
            outcome=Outcome.ZERO.value,
            period_start=period.start,
            period_end=period.end,
            correction=period.correction,
            charged_ms=0,
            receipt=receipt.free_call(receipt.MOVED, charge.currency, charge.duration_ms),
        )
    )

"""A corrected record can show a call to be another account's: the first account gets it back."""

from collections.abc import Collection, Iterable

from kernel.clock import to_micros
from services.rating.domain.charges.charge import ChargeRevision
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.receipts import receipt
from services.rating.store.charges import charges_of_call
from services.rating.store.margins import forget_margins
from services.rating.store.unrated import forget_unrated
from services.rating.usecases.settling.give_back import settled_at_nothing
from services.rating.usecases.settling.price_calls import CallPricing

CALL_MOVED = "CALL_MOVED"


def withdraw_moved(
    pricing: CallPricing, corrected: Iterable[ChargeRevision], current: Collection[bytes]
) -> list[ChargeRevision]:
    """Settle at nothing what others were charged for calls whose record was corrected.

    `corrected` are charges that such calls have now, `current` the ids of all of them.
    """
    withdrawn: dict[bytes, ChargeRevision] = {}
    for now in corrected:
        for charge in charges_of_call(pricing.uow.connection, now):
            is_elsewhere = charge.charge_id not in current
            is_older = charge.call_revision < now.call_revision
            if is_elsewhere and is_older and not is_withdrawn(charge):
                withdrawn[charge.charge_id] = _withdraw(pricing, charge, now.call_revision)
    if withdrawn:
        forget_unrated(pricing.uow.connection, list(withdrawn))
        forget_margins(pricing.uow.connection, list(withdrawn))
    return list(withdrawn.values())


def is_withdrawn(charge: ChargeRevision) -> bool:
    """Whether a call turned out to be another account's, so that this party has no part in it."""
    return charge.unrated_reason == CALL_MOVED or (
        charge.outcome != Outcome.UNRATED and receipt.is_moved(charge.receipt)
    )


def _withdraw(pricing: CallPricing, charge: ChargeRevision, call_revision: int) -> ChargeRevision:
    if charge.outcome != Outcome.UNRATED:
        newer = settled_at_nothing(pricing, charge, receipt.MOVED)
        return newer._replace(call_revision=call_revision)
    return charge._replace(
        revision=charge.revision + 1,
        call_revision=call_revision,
        settle_time=to_micros(pricing.uow.now),
        amount_delta_micros=0,
        unrated_reason=CALL_MOVED,
    )

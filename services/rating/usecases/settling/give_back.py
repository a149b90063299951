"""Giving a charge back whole: what it took from counters returns to them."""

from kernel.clock import to_micros
from services.rating.domain.charges.charge import ChargeRevision, Party
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.receipts import receipt
from services.rating.usecases.settling.booking import NOT_BOOKED
from services.rating.usecases.settling.price_calls import CallPricing


def settled_at_nothing(pricing: CallPricing, charge: ChargeRevision, why: str) -> ChargeRevision:
    """The next revision of a priced charge, booked at nothing: MOVED or REFUNDED."""
    pricing.give_back(charge)
    period = NOT_BOOKED
    if charge.party != Party.SUPPLIER:
        pricing.hold({charge.payer_account_id})
        period = pricing.bookings.book(charge.payer_account_id, charge.start_time)
    return charge._replace(
        revision=charge.revision + 1,
        settle_time=to_micros(pricing.uow.now),
        outcome=Outcome.ZERO.value,
        amount_micros=0,
        amount_delta_micros=-charge.amount_micros,
        period_start=period.start,
        period_end=period.end,
        correction=period.correction,
        charged_ms=0,
        receipt=receipt.given_back(charge.receipt, why),
    )

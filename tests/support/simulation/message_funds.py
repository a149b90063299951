"""payment as rating asks it in a simulation: steps become messages, and messages get lost."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from kernel.clock import to_micros
from kernel.money import Money
from services.payment.domain.funds import transfers as payment_steps
from services.payment.domain.funds.funds_book import Capture
from services.payment.domain.ledger.entries import EventSource
from services.rating.domain.charging.offline import FundsUnavailableError
from services.rating.domain.charging.transfers import (
    CaptureHold,
    ChangeHold,
    Held,
    NotHeld,
    PlaceHold,
    StepResult,
    TransferStep,
)
from tests.support.simulation import payment
from tests.support.simulation.charges import Paid
from tests.support.simulation.database import DatabaseUnreachableError
from tests.support.simulation.faults import Faults
from tests.support.simulation.network import UnreachableError
from tests.support.simulation.world import World

RATING = "rating"
FUNDS_SECONDS_MAX = 5.0


class MessageFunds:
    """payment as rating asks it: by messages that may be lost, late or doubled."""

    def __init__(self, world: World, faults: Faults) -> None:
        self._world = world
        self._faults = faults

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What became of each step. Raises FundsUnavailableError."""
        request = [transfer_of(step) for step in steps]
        try:
            results = await self._world.network.ask(
                payment.SERVICE, "execute", request, self._faults, FUNDS_SECONDS_MAX
            )
        except (UnreachableError, DatabaseUnreachableError) as error:
            raise FundsUnavailableError(str(error)) from error
        return [
            Held(each.hold.held_micros, to_micros(each.hold.expire_time))
            if each.hold
            else NotHeld(each.error.reason)
            for each in results
        ]


def capture_of(paid: Paid) -> Capture:
    """A row of CallsRated as payment reads it."""
    charge = paid.charge
    source = EventSource(RATING, paid.position.partition, paid.position.sequence)
    revision = payment_steps.ChargeRevision(charge.charge_id, charge.revision)
    amount = Money(charge.currency, charge.amount_delta_micros)
    return Capture(revision, paid.hold_id, charge.payer_account_id, amount, RATING, source)


def transfer_of(step: TransferStep) -> payment_steps.Transfer:
    """A step of rating as payment's door reads it."""
    return payment_steps.Transfer(step.request_id, repr(step).encode(), RATING, _step(step))


def _step(step: TransferStep) -> payment_steps.Step:
    match step:
        case PlaceHold():
            return payment_steps.PlaceHold(
                step.hold_id, step.account_id, *_amounts(step), step.reference
            )
        case ChangeHold():
            return payment_steps.ChangeHold(step.hold_id, *_amounts(step))
        case CaptureHold():
            return payment_steps.CaptureHold(
                step.hold_id,
                payment_steps.ChargeRevision(step.charge_id, step.revision),
                Money(step.currency, step.amount_micros),
                payment_steps.OverrunPolicy.POST_ALL,
                EventSource(RATING, step.event_partition, step.event_sequence),
            )
        case _:
            return payment_steps.ReleaseHold(step.hold_id)


def _amounts(step: PlaceHold | ChangeHold) -> tuple[Money, Money, timedelta]:
    return (
        Money(step.currency, step.amount_micros),
        Money(step.currency, step.minimum_micros),
        timedelta(seconds=step.validity_seconds),
    )

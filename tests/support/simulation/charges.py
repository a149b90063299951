"""Settling the calls of a schedule in memory: real prices, the real state machine of a charge."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from chassis.database.unit_of_work import EventPosition
from services.rating.domain.charges.charge import charge_id, party_key
from services.rating.domain.charges.settlement import (
    InputKind,
    Offer,
    Outcome,
    Settled,
    first_step,
    settle,
)
from services.rating.domain.charging.call_prices import CallPrices
from services.rating.domain.charging.session import Session
from services.rating.domain.charging.transfers import hold_key
from services.rating.domain.counters import CounterBook, CounterUse
from tests.support.simulation.database import Transaction

CUSTOMER, RESELLER = 1, 2
PARTITION = 0


class Charge(NamedTuple):
    """The newest revision of a charge, by the names that rating's own has."""

    charge_id: bytes
    session_id: str
    level: int
    account_id: str
    payer_account_id: str
    currency: str
    revision: int
    amount_micros: int
    amount_delta_micros: int
    seconds: int
    settled: Settled
    uses: tuple[CounterUse, ...]


class Paid(NamedTuple):
    """A settlement, the hold that pays it, and its place in the event log."""

    hold_id: str
    hold_key: bytes
    charge: Charge
    position: EventPosition


def settle_call(
    transaction: Transaction,
    counters: CounterBook,
    prices: CallPrices,
    session: Session,
    seconds: int,
    kind: InputKind,
) -> tuple[Charge, list[Paid]]:
    """The customer's charge as it stands then, and what was settled for all levels."""
    charges = [
        _settle_level(transaction, counters, prices, session, level, seconds, kind)
        for level in range(len(prices.parties))
    ]
    return charges[0][0], list(_published(transaction, session, charges))


def _settle_level(
    transaction: Transaction,
    counters: CounterBook,
    prices: CallPrices,
    session: Session,
    level: int,
    seconds: int,
    kind: InputKind,
) -> tuple[Charge, bool]:
    """The charge of one level, and whether it has changed."""
    call = session.call
    party = party_key(RESELLER if level else CUSTOMER, level)
    key = charge_id(
        call.start_micros, session.tenant_id, call.call_key_kind, call.call_key, call.leg, party
    )
    known: Charge | None = transaction.get("charge", key)
    if known is not None:
        counters.give_back(known.uses)
    priced = prices.of(call.start_micros, counters)[level](seconds) if seconds else None
    amount, uses = (priced.amount_micros, priced.counter_uses) if priced else (0, ())
    outcome = Outcome.RATED if amount else Outcome.ZERO
    offer = Offer(outcome, "", amount, kind, call.call_key.encode(), 1)
    step = settle(known.settled, offer) if known else first_step(amount)
    if step is None:
        assert known is not None, "the first input always settles"
        counters.apply(known.uses)
        return known, False
    counters.apply(uses)
    account = prices.parties[level].customer.account
    settled = Settled(step.revision, outcome, "", amount, kind, offer.call_id, 1)
    charge = Charge(
        key, session.session_id, level, account.account_id, account.payer_account_id,
        account.currency, step.revision, amount, step.amount_delta_micros, seconds, settled, uses,
    )  # fmt: skip
    transaction.put("charge", key, row=charge)
    return charge, True


def _published(
    transaction: Transaction, session: Session, charges: list[tuple[Charge, bool]]
) -> Iterator[Paid]:
    """What changed, appended to the event log with the holds that pay it."""
    for charge, has_changed in charges:
        if not has_changed:
            continue
        sequence = (transaction.get("head") or 0) + 1
        transaction.put("head", row=sequence)
        place = charge.level
        has_hold = place < len(session.levels) and session.may_hold(place)
        hold_id = session.levels[place].hold_id if has_hold else ""
        key = hold_key(hold_id) if hold_id else b""
        paid = Paid(hold_id, key, charge, EventPosition(PARTITION, sequence))
        transaction.insert("outbox", sequence, row=paid)
        yield paid

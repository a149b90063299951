"""CallsRated, of rating: posts what a batch of charges adds to each paying account."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from uuid import UUID

import numpy as np
import numpy.typing as npt

from chassis.bus.handler import EventHandler, ReceivedEvent, together
from chassis.columns import Columns, decode
from chassis.database.unit_of_work import UnitOfWork
from kernel.money import Money
from services.payment.domain.errors import party_without_rule
from services.payment.domain.funds.promoted_usage import ChargeChange
from services.payment.domain.funds.transfers import ChargeRevision
from services.payment.domain.ledger.posting_rules import Cause
from services.payment.events.cause import cause_of
from services.payment.store.journal import take_turns
from services.payment.usecases.posting.capture_from_holds import (
    HeldCharge,
    capture_from_holds,
    lock_for_captures,
)
from services.payment.usecases.posting.post_usage import post_usage
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import Party

LOW_BITS = 32
# The column of the holds that pay for charges; only there when a row has one.
HOLD_ID = "hold_id"


def _post_usage(unit_of_work: UnitOfWork, run: Sequence[ReceivedEvent[CallsRated]]) -> None:
    """Post what a run of events charges; what is paid from holds all at once.

    Who places holds locks the funds of all accounts he needs in their order; event by event we
    would lock them in the order of events, and meet him in a circle.
    """
    # The turns first; an event is in the partition of those who pay.
    take_turns(unit_of_work.connection, {event.partition for event in run})
    held: dict[str, list[HeldCharge]] = defaultdict(list)
    for event in run:
        charges, cause = decode(event.body.charges), cause_of(event)
        if usage := usage_of(charges):
            post_usage(unit_of_work, event.tenant_id, usage, partial(changes_of, charges), cause)
        held[event.tenant_id] += held_charges(charges, cause)
    for tenant_id, of_tenant in sorted(held.items()):
        capture_from_holds(unit_of_work, tenant_id, of_tenant)


def _lock(
    unit_of_work: UnitOfWork,
    events: Iterable[ReceivedEvent[CallsRated]],
    partitions: Collection[int],
) -> None:
    """Take first the turns of all that a transaction posts, then the funds of all it captures."""
    take_turns(unit_of_work.connection, partitions)
    held: dict[str, list[HeldCharge]] = defaultdict(list)
    for event in events:
        held[event.tenant_id] += held_charges(decode(event.body.charges), cause_of(event))
    for tenant_id, of_tenant in sorted(held.items()):
        lock_for_captures(unit_of_work.connection, tenant_id, of_tenant)


def usage_of(charges: Columns) -> Mapping[str, list[Money]]:
    """What each paying account is charged by a batch, one amount a currency.

    Rows without an effect are left out: unrated ones have neither amount nor currency. So are rows
    with a hold: each is posted by itself, once.

    Raises:
        DomainError: PARTY_WITHOUT_RULE for charges to others than customers and resellers.
    """
    deltas = charges.int64("amount_delta")
    _require_buyers(charges.uint8("party")[np.flatnonzero(deltas)])
    moving = _moving_without_hold(charges)
    if not moving.size:
        return {}
    payer_codes, payers = charges.dictionary_codes("payer_account_id")
    currency_codes, currencies = charges.dictionary_codes("currency")
    groups = payer_codes.astype(np.int64)[moving] * len(currencies) + currency_codes[moving]
    usage: dict[str, list[Money]] = defaultdict(list)
    for group, micros in zip(*_sums(groups, deltas[moving]), strict=True):
        payer, currency = divmod(group, len(currencies))
        usage[payers[payer]].append(Money(currencies[currency], micros))
    return usage


def changes_of(charges: Columns, account_ids: Collection[str]) -> Mapping[str, list[ChargeChange]]:
    """The charges that `usage_of` sums, of some paying accounts, in the order of their rows."""
    payer_codes, payers = charges.dictionary_codes("payer_account_id")
    wanted = np.isin(payers, list(account_ids))[payer_codes]
    rows = [row for row in _moving_without_hold(charges).tolist() if wanted[row]]
    charge_ids, revisions = charges.key16("charge_id"), charges.int32("revision")
    amounts, deltas = charges.int64("amount"), charges.int64("amount_delta")
    changes: dict[str, list[ChargeChange]] = defaultdict(list)
    for row in rows:
        charge = ChargeRevision(charge_ids[row] or b"", int(revisions[row]))
        delta = int(deltas[row])
        change = ChargeChange(charge, int(amounts[row]) - delta, delta)
        changes[payers[payer_codes[row]]].append(change)
    return changes


def held_charges(charges: Columns, cause: Cause) -> list[HeldCharge]:
    """The rows that name the hold which pays for them, also those that cost nothing."""
    rows = np.flatnonzero(_with_hold(charges)).tolist()
    if not rows:
        return []
    hold_ids, charge_ids = charges.key16(HOLD_ID), charges.key16("charge_id")
    revisions, deltas = charges.int32("revision"), charges.int64("amount_delta")
    payers, currencies = charges.dictionary("payer_account_id"), charges.dictionary("currency")
    return [
        HeldCharge(
            ChargeRevision(charge_ids[row] or b"", int(revisions[row])),
            str(UUID(bytes=hold_ids[row])),
            payers[row],
            currencies[row],
            int(deltas[row]),
            cause,
        )
        for row in rows
    ]


def _moving_without_hold(charges: Columns) -> npt.NDArray[np.intp]:
    return np.flatnonzero((charges.int64("amount_delta") != 0) & ~_with_hold(charges))


def _with_hold(charges: Columns) -> npt.NDArray[np.bool_]:
    if HOLD_ID not in charges:
        return np.zeros(charges.row_count, dtype=np.bool_)
    return ~charges.nulls(HOLD_ID)


def _require_buyers(parties: npt.NDArray[np.uint8]) -> None:
    # Who buys of us, at a retail or a wholesale price: both are revenue.
    others = parties[(parties != Party.PARTY_CUSTOMER) & (parties != Party.PARTY_RESELLER)]
    if others.size:
        raise party_without_rule(int(others[0]))


def _sums(
    groups: npt.NDArray[np.int64], micros: npt.NDArray[np.int64]
) -> tuple[list[int], list[int]]:
    """The exact sum of each group. Halves are summed apart, as the whole may exceed 64 bits."""
    distinct, places = np.unique(groups, return_inverse=True)
    high, low = np.zeros((2, len(distinct)), dtype=np.int64)
    np.add.at(high, places, micros >> LOW_BITS)
    np.add.at(low, places, micros & ((1 << LOW_BITS) - 1))
    sums = [(a << LOW_BITS) + b for a, b in zip(high.tolist(), low.tolist(), strict=True)]
    return distinct.tolist(), sums


CALLS_RATED = EventHandler(CallsRated, together(_post_usage), _lock)

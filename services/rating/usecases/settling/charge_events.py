"""Storing settlements together with the event that tells the other services about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple

from chassis import columns
from chassis.database.direct import Row
from chassis.database.unit_of_work import Event, EventPosition, UnitOfWork
from kernel.partition import partition_of
from services.rating.domain.charges.charge import ChargeKind, ChargeRevision, Party
from services.rating.domain.charges.charge_columns import ChargeColumns
from services.rating.domain.charges.settlement import InputKind
from services.rating.domain.charging.call_sessions import NO_SESSIONS, CallSessions
from services.rating.store.charges import NO_EVENT, charge_rows, insert_charges
from tollbook.rating.v1.rating_events_pb2 import CallsRated

REVISIONS_PER_EVENT_MAX = 5_000


class Settlements(NamedTuple):
    """Settlements by column, with their calls' numbers: the event has these, the charge not."""

    charges: ChargeColumns
    callers: Sequence[str]
    callees: Sequence[str]

    @classmethod
    def of(cls, revisions: Sequence[ChargeRevision]) -> Settlements:
        """Settlements of what has no numbers, or whose numbers are gone."""
        none = [""] * len(revisions)
        return cls(ChargeColumns.of(revisions), none, none)

    @classmethod
    def joined(cls, parts: Sequence[Settlements]) -> Settlements:
        """Settlements one after the other."""
        if len(parts) <= 1:
            return parts[0] if parts else cls.of([])
        charges = (part.charges.columns for part in parts)
        together = [list(chain(*column)) for column in zip(*charges, strict=True)]
        callers = list(chain(*(part.callers for part in parts)))
        return cls(ChargeColumns(together), callers, list(chain(*(part.callees for part in parts))))

    def select(self, places: Sequence[int]) -> Settlements:
        """The settlements at some places."""
        callers = [self.callers[place] for place in places]
        callees = [self.callees[place] for place in places]
        return Settlements(self.charges.select(places), callers, callees)


class HeldSettlement(NamedTuple):
    """A settlement that a hold of a session pays, and the event that tells of it."""

    hold_key: bytes
    charge: ChargeRevision
    position: EventPosition


class _Part(NamedTuple):
    """The settlements of one event, with the holds that pay them."""

    partition: int | None
    """None for what suppliers charge, our cost: no other service acts on it."""
    settlements: Settlements
    hold_keys: Sequence[bytes | None] | None


def record_settlements(
    uow: UnitOfWork,
    tenant_id: str,
    settlements: Settlements,
    sessions: CallSessions = NO_SESSIONS,
) -> list[HeldSettlement]:
    """Publish settlements by the partition of their payer and store them with their event."""
    parts = [
        _Part(partition, part, sessions.hold_keys(part.charges))
        for partition, together in _by_partition(tenant_id, settlements)
        for part in _events(together)
    ]
    positions = uow.take_positions([part.partition for part in parts if part.partition is not None])
    nowhere = repeat(NO_EVENT)
    # What has no event comes last.
    carried = list(zip(parts, chain(positions, nowhere)))  # noqa: B905 the last is nowhere
    events: list[Event] = []

    def rows() -> Iterator[Row]:
        for part, position in carried:
            yield from charge_rows(part.settlements.charges, position)
            # Encoded while the database takes in the rows.
            if part.partition is not None:
                event = _event(part.settlements, part.hold_keys)
                events.append(Event(event, tenant_id, part.partition))

    insert_charges(uow.connection, rows())
    uow.append(events, positions)
    return [each for part, at in carried for each in _held(part, at)]


def _held(part: _Part, position: EventPosition) -> Iterator[HeldSettlement]:
    if part.hold_keys is None or part.partition is None:
        return
    for hold_key, charge in zip(part.hold_keys, part.settlements.charges.revisions, strict=True):
        if hold_key is not None:
            yield HeldSettlement(hold_key, charge, position)


def _by_partition(
    tenant_id: str, settlements: Settlements
) -> Iterator[tuple[int | None, Settlements]]:
    """What each partition is told, in their order; what nobody is told comes last."""
    charges = settlements.charges
    payers = charges["payer_account_id"]
    of_payers = {payer_id: partition_of(tenant_id, payer_id) for payer_id in set(payers)}
    partitions: list[int | None] = [of_payers[payer_id] for payer_id in payers]
    parties = charges["party"]
    if Party.SUPPLIER in parties:
        told = zip(partitions, parties, strict=True)
        partitions = [None if party == Party.SUPPLIER else each for each, party in told]
    found = set(partitions)
    for partition in sorted(found, key=lambda each: (each is None, each)):
        if len(found) == 1:
            yield partition, settlements
            return
        places = [place for place, each in enumerate(partitions) if each == partition]
        yield partition, settlements.select(places)


def _events(settlements: Settlements) -> Iterator[Settlements]:
    """Settlements in parts that an event can carry."""
    count = len(settlements.charges)
    if count <= REVISIONS_PER_EVENT_MAX:
        yield settlements
        return
    for start in range(0, count, REVISIONS_PER_EVENT_MAX):
        yield settlements.select(range(start, min(start + REVISIONS_PER_EVENT_MAX, count)))


def _event(settlements: Settlements, hold_keys: Sequence[bytes | None] | None) -> CallsRated:
    # Hardly any event of call records tells of sessions.
    holds = {} if hold_keys is None else {"hold_id": columns.key16(hold_keys)}
    charge = settlements.charges
    call_ids = charge["call_id"]
    if set(charge["kind"]) != {ChargeKind.CALL} or InputKind.SESSION_END in charge["source"]:
        call_ids = list(map(_record_id, call_ids, charge["kind"], charge["source"]))
    return CallsRated(
        charges=columns.encode(
            {
                "charge_id": columns.key16(charge["charge_id"]),
                "revision": columns.int32(charge["revision"]),
                "kind": columns.uint8(charge["kind"]),
                "party": columns.uint8(charge["party"]),
                "call_id": columns.key16(call_ids),
                "call_revision": columns.int32(charge["call_revision"]),
                "account_id": columns.dictionary(charge["account_id"]),
                "payer_account_id": columns.dictionary(charge["payer_account_id"]),
                "outcome": columns.uint8(charge["outcome"]),
                "unrated_reason": columns.dictionary(charge["unrated_reason"]),
                "currency": columns.dictionary(charge["currency"]),
                "amount": columns.int64(charge["amount_micros"]),
                "amount_delta": columns.int64(charge["amount_delta_micros"]),
                "usage_line": columns.dictionary(charge["usage_line"]),
                "period_start": columns.int64([start or 0 for start in charge["period_start"]]),
                "period_end": columns.int64([end or 0 for end in charge["period_end"]]),
                "correction": columns.uint8(charge["correction"]),
                "start_time": columns.int64(charge["start_time"]),
                "duration": columns.int64(charge["duration_ms"]),
                "charged_duration": columns.int64(charge["charged_ms"]),
                "caller": columns.text(settlements.callers),
                "callee": columns.text(settlements.callees),
                "prefix": columns.dictionary(charge["prefix"]),
                **holds,
            },
            len(charge),
        )
    )


def _record_id(call_id: bytes | None, kind: int, source: int) -> bytes | None:
    """The record of cdr that settled a charge; usage and sessions have an id that is ours alone."""
    is_record = kind == ChargeKind.CALL and source != InputKind.SESSION_END
    return call_id if is_record else None

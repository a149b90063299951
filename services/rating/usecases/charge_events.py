"""Storing settlements together with the event that tells the other services about them."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

from chassis import columns
from chassis.database.unit_of_work import EventPosition, UnitOfWork
from kernel.partition import partition_of
from services.rating.domain.charges.charge import NO_EVENT, ChargeKind, ChargeRevision, Party
from services.rating.store.charges import insert_charges
from tollbook.rating.v1.rating_events_pb2 import CallsRated

REVISIONS_PER_EVENT_MAX = 5_000


class Settlement(NamedTuple):
    """A settlement with its call's numbers, which the event carries and the charge does not."""

    charge: ChargeRevision
    caller: str = ""
    callee: str = ""


class _Settlements(NamedTuple):
    """Settlements as columns."""

    charge: Sequence[Sequence[Any]]
    """In the order of the fields of a revision."""
    callers: Sequence[str]
    callees: Sequence[str]

    @classmethod
    def of(cls, settlements: Sequence[Settlement]) -> Self:
        """The columns of settlements, of which there is at least one."""
        charges, callers, callees = zip(*settlements, strict=True)
        return cls(tuple(zip(*charges, strict=True)), callers, callees)


def record_settlements(uow: UnitOfWork, tenant_id: str, settlements: Iterable[Settlement]) -> None:
    """Publish settlements by the partition of their payer and store them with their event.

    What suppliers charge is our cost: no other service acts on it, so it is stored alone.
    """
    costs: list[Settlement] = []
    by_payer: dict[str, list[Settlement]] = {}
    for settlement in settlements:
        if settlement.charge.party == Party.SUPPLIER:
            costs.append(settlement)
        else:
            by_payer.setdefault(settlement.charge.payer_account_id, []).append(settlement)
    by_partition: dict[int, list[Settlement]] = {}
    for payer_id, together in by_payer.items():
        by_partition.setdefault(partition_of(tenant_id, payer_id), []).extend(together)
    for partition, together in sorted(by_partition.items()):
        for start in range(0, len(together), REVISIONS_PER_EVENT_MAX):
            part = _Settlements.of(together[start : start + REVISIONS_PER_EVENT_MAX])
            position = uow.publish(_event(part), tenant_id, partition)
            insert_charges(uow.connection, part.charge, position)
    if costs:
        insert_charges(uow.connection, _Settlements.of(costs).charge, EventPosition(*NO_EVENT))


def _event(settlements: _Settlements) -> CallsRated:
    charge = dict(zip(ChargeRevision._fields, settlements.charge, strict=True))
    return CallsRated(
        charges=columns.encode(
            {
                "charge_id": columns.key16(charge["charge_id"]),
                "revision": columns.int32(charge["revision"]),
                "kind": columns.uint8(charge["kind"]),
                "party": columns.uint8(charge["party"]),
                "call_id": columns.key16(list(map(_record_id, charge["call_id"], charge["kind"]))),
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
            },
            len(settlements.callers),
        )
    )


def _record_id(call_id: bytes | None, kind: int) -> bytes | None:
    """The record of cdr that settled a charge; other usage has an id that is ours alone."""
    return call_id if kind == ChargeKind.CALL else None

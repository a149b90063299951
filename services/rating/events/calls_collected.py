"""CallsCollected, of cdr: prices the calls of its records."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np

from chassis import columns
from chassis.bus.handler import EventHandler, ReceivedEvent
from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.charge import Party
from services.rating.domain.usage import Service
from services.rating.usecases.settling.lock_calls import CallsToLock, lock_calls
from services.rating.usecases.settling.rate_calls import rate_calls
from services.rating.usecases.tariffs import Tariffs
from tollbook.cdr.v1.cdr_events_pb2 import CallsCollected

Events = Iterable[ReceivedEvent[CallsCollected]]


def calls_collected(tariffs: Tariffs) -> EventHandler[CallsCollected]:
    """Prices each event's calls; what several of them are settled with is locked first."""

    def lock(uow: UnitOfWork, events: Events, _partitions: Collection[int] = ()) -> None:
        lock_calls(uow, tariffs, map(_calls_to_lock, events))

    def rate(uow: UnitOfWork, run: Sequence[ReceivedEvent[CallsCollected]]) -> None:
        # One event by itself takes its locks in their order.
        if len(run) > 1:
            lock(uow, run)
        for event in run:
            calls = read_calls(event.body)
            with event.traced():
                rate_calls(uow, tariffs, event.tenant_id, calls, event.position)

    return EventHandler(CallsCollected, rate, lock)


def read_calls(event: CallsCollected) -> CallBatch:
    """The calls of an event, by column."""
    batch = columns.decode(event.calls)
    starts = batch.int64("start_time")
    begins = np.where(batch.nulls("answer_time"), starts, batch.int64("answer_time"))
    return CallBatch(
        call_ids=[key or b"" for key in batch.key16("call_id")],
        call_revisions=batch.int32("revision").tolist(),
        call_key_kinds=batch.uint8("call_key_kind").tolist(),
        call_keys=batch.text("call_key"),
        legs=batch.dictionary("leg"),
        account_ids=batch.dictionary("account_id"),
        payer_account_ids=batch.dictionary("payer_account_id"),
        callers=batch.text("caller"),
        callees=batch.text("callee"),
        callee_kinds=batch.uint8("callee_kind").tolist(),
        starts_micros=starts.tolist(),
        durations_ms=batch.int64("duration").tolist(),
        answered=batch.uint8("answered").tolist(),
        begins_micros=begins.tolist(),
        services=[Service.VOICE] * batch.row_count,
        quantities=[0] * batch.row_count,
        egress_trunks=batch.dictionary("egress_trunk"),
        routing_numbers=batch.dictionary("routing_number"),
        parties=[Party.CUSTOMER] * batch.row_count,
        levels=[0] * batch.row_count,
    )


def _calls_to_lock(event: ReceivedEvent[CallsCollected]) -> CallsToLock:
    batch = columns.decode(event.body.calls)
    accounts, payers = batch.dictionary("account_id"), batch.dictionary("payer_account_id")
    return CallsToLock(
        event.tenant_id,
        frozenset(batch.text("call_key")),
        frozenset(batch.int64("start_time").tolist()),
        frozenset(zip(accounts, payers, strict=True)),
    )

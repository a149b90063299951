"""What rating does when cdr, invoice and fraud tell something."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chassis import columns
from chassis.bus.handler import EventHandler, Handle, HandleRun, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import required_time, time_from_proto
from kernel.period import BillingCycle
from services.rating.domain.account import Account
from services.rating.domain.bulk.call_batch import CallBatch
from services.rating.domain.charges.charge import Party
from services.rating.domain.charging.lines import LineKind
from services.rating.domain.usage import Service
from services.rating.store.account_changes import note_account_change
from services.rating.store.accounts import save_account, save_block, save_subscription
from services.rating.store.lines import StoredLine, save_line
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from services.rating.usecases.settling.lock_calls import CallsToLock, lock_calls
from services.rating.usecases.settling.rate_calls import rate_calls
from services.rating.usecases.tariffs import Tariffs
from tollbook.cdr.v1.cdr_events_pb2 import CallsCollected
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked, AccountUnblocked
from tollbook.invoice.v1.invoice_events_pb2 import (
    AccountChanged,
    LineChanged,
    SubscriptionChanged,
)


def event_handlers(tariffs: Tariffs, on_change: Callable[[], None]) -> list[EventHandler[Any]]:
    """Every event that rating listens to; `on_change` is called when an account is another."""

    def noting(handle: Handle[Any]) -> HandleRun[Any]:
        def work(uow: UnitOfWork, event: ReceivedEvent[Any]) -> None:
            handle(uow, event)
            note_account_change(uow, event.tenant_id, event.body.account_id)
            uow.after_commit(on_change)

        return one_by_one(work)

    return [
        EventHandler(CallsCollected, lambda uow, run: _rate(uow, run, tariffs)),
        EventHandler(AccountChanged, noting(_know_account)),
        EventHandler(SubscriptionChanged, noting(_know_subscription)),
        EventHandler(LineChanged, noting(_know_line)),
        EventHandler(AccountBlocked, noting(_block)),
        EventHandler(AccountUnblocked, noting(_unblock)),
    ]


def _rate(uow: UnitOfWork, run: Sequence[ReceivedEvent[CallsCollected]], tariffs: Tariffs) -> None:
    # One event by itself takes its locks in their order.
    if len(run) > 1:
        lock_calls(uow, tariffs, map(_calls_to_lock, run))
    for event in run:
        calls = read_calls(event.body)
        with event.traced():
            rate_calls(uow, tariffs, event.tenant_id, calls, (event.partition, event.sequence))


def _calls_to_lock(event: ReceivedEvent[CallsCollected]) -> CallsToLock:
    batch = columns.decode(event.body.calls)
    accounts, payers = batch.dictionary("account_id"), batch.dictionary("payer_account_id")
    return CallsToLock(
        event.tenant_id,
        frozenset(batch.text("call_key")),
        frozenset(batch.int64("start_time").tolist()),
        frozenset(zip(accounts, payers, strict=True)),
    )


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


def _know_account(uow: UnitOfWork, event: ReceivedEvent[AccountChanged]) -> None:
    body = event.body
    account = Account(
        body.account_id,
        body.payer_account_id or body.account_id,
        body.currency_code,
        BillingCycle(body.time_zone, body.billing_day),
        required_time(body.start_time, "start_time"),
        body.reseller_account_id,
    )
    save_account(uow.connection, event.tenant_id, account, event.commit_time)
    # Calls of children wait for their payer too, so that all of the tenant's are tried.
    ask_retry(uow.connection, event.tenant_id, ALL_ACCOUNTS)


def _know_subscription(uow: UnitOfWork, event: ReceivedEvent[SubscriptionChanged]) -> None:
    body = event.body
    start = required_time(body.validity.start_time, "validity.start_time")
    validity = (start, time_from_proto(body.validity.end_time))
    save_subscription(
        uow.connection,
        event.tenant_id,
        body.subscription_id,
        body.account_id,
        body.plan_id,
        validity,
        event.commit_time,
    )
    ask_retry(uow.connection, event.tenant_id, body.account_id)


def _know_line(uow: UnitOfWork, event: ReceivedEvent[LineChanged]) -> None:
    body = event.body
    line = StoredLine(
        body.line_id,
        LineKind(body.kind),
        body.identifier,
        body.account_id,
        body.payer_account_id or body.account_id,
        time_from_proto(body.validity.start_time),
        time_from_proto(body.validity.end_time),
        event.commit_time,
    )
    save_line(uow, event.tenant_id, line)
    ask_retry(uow.connection, event.tenant_id, body.account_id)


def _block(uow: UnitOfWork, event: ReceivedEvent[AccountBlocked]) -> None:
    body = event.body
    moment = required_time(body.block_time, "block_time")
    save_block(uow.connection, event.tenant_id, body.account_id, True, body.reason, moment)


def _unblock(uow: UnitOfWork, event: ReceivedEvent[AccountUnblocked]) -> None:
    body = event.body
    moment = required_time(body.unblock_time, "unblock_time")
    save_block(uow.connection, event.tenant_id, body.account_id, False, body.reason, moment)

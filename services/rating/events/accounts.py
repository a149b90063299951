"""What invoice and fraud tell of accounts: their terms, subscriptions, lines and blocks."""

from collections.abc import Callable, Collection, Iterable
from typing import Any

from chassis.bus.handler import EventHandler, Handle, HandleRun, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import required_time, time_from_proto
from kernel.period import BillingCycle
from services.rating.domain.account import Account
from services.rating.domain.charging.lines import LineKind
from services.rating.store.account_changes import note_account_change
from services.rating.store.accounts import (
    Lock,
    hold_accounts,
    save_account,
    save_block,
    save_subscription,
)
from services.rating.store.lines import StoredLine, save_line
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked, AccountUnblocked
from tollbook.invoice.v1.invoice_events_pb2 import (
    AccountChanged,
    LineChanged,
    SubscriptionChanged,
)


def account_handlers(on_change: Callable[[], None]) -> list[EventHandler[Any]]:
    """Keep what is told; `on_change` is called when that is committed."""

    def noting(handle: Handle[Any]) -> HandleRun[Any]:
        def work(uow: UnitOfWork, event: ReceivedEvent[Any]) -> None:
            handle(uow, event)
            note_account_change(uow, event.tenant_id, event.body.account_id)
            uow.after_commit(on_change)

        return one_by_one(work)

    return [
        EventHandler(AccountChanged, noting(_know_account), _lock_accounts),
        EventHandler(SubscriptionChanged, noting(_know_subscription)),
        EventHandler(LineChanged, noting(_know_line)),
        EventHandler(AccountBlocked, noting(_block)),
        EventHandler(AccountUnblocked, noting(_unblock)),
    ]


def _lock_accounts(
    uow: UnitOfWork, events: Iterable[ReceivedEvent[AccountChanged]], _partitions: Collection[int]
) -> None:
    """Lock what changes before anything is published, as who charges a fee or seals does."""
    by_tenant: dict[str, set[str]] = {}
    for event in events:
        by_tenant.setdefault(event.tenant_id, set()).add(event.body.account_id)
    for tenant_id, account_ids in sorted(by_tenant.items()):
        hold_accounts(uow.connection, tenant_id, account_ids, Lock.CHANGE)


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

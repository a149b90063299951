"""Pricing one call as it would be charged; nothing is booked."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from kernel.clock import to_micros
from kernel.e164 import DialledNumber, NumberKind
from services.rating.domain.call_batch import CallBatch, Customers, PricedCall, price_batch
from services.rating.domain.errors import UNKNOWN_ACCOUNT, account_blocked, unrated
from services.rating.domain.settlement import Outcome
from services.rating.store.accounts import accounts_of, block_reason, subscriptions_of
from services.rating.usecases.tariffs import Tariffs


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A call that may be made."""

    account_id: str
    callee: DialledNumber
    start_time: datetime
    duration_ms: int


def price_call(
    connection: Connection, tariffs: Tariffs, tenant_id: str, call: PlannedCall
) -> PricedCall:
    """The price of an answered call; emergency calls are free for a blocked account too.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, NO_PLAN, NO_RATE, CURRENCY_MISMATCH, ACCOUNT_BLOCKED,
            INVALID_DURATION.
    """
    accounts = accounts_of(connection, tenant_id, [call.account_id])
    account = accounts.get(call.account_id)
    if account is None:
        raise unrated(UNKNOWN_ACCOUNT, account_id=call.account_id)
    if account.payer_account_id not in accounts:
        accounts |= accounts_of(connection, tenant_id, [account.payer_account_id])
    if call.callee.kind is not NumberKind.EMERGENCY:
        _check_not_blocked(connection, tenant_id, call.account_id)
    [price] = price_batch(
        _batch(call, account.payer_account_id),
        Customers(accounts, subscriptions_of(connection, tenant_id, [call.account_id])),
        tariffs.current(connection, tenant_id),
        lambda version_id: tariffs.table(connection, tenant_id, version_id),
    )
    if price.outcome is Outcome.UNRATED:
        raise unrated(
            price.unrated_reason,
            account_id=call.account_id,
            callee=call.callee.digits,
            duration=f"{call.duration_ms} ms",
        )
    return price


def _check_not_blocked(connection: Connection, tenant_id: str, account_id: str) -> None:
    why = block_reason(connection, tenant_id, account_id)
    if why is not None:
        raise account_blocked(account_id, why)


def _batch(call: PlannedCall, payer_account_id: str) -> CallBatch:
    return CallBatch(
        call_ids=[b""],
        call_revisions=[1],
        call_key_kinds=[0],
        call_keys=[""],
        legs=[""],
        account_ids=[call.account_id],
        payer_account_ids=[payer_account_id],
        callers=[""],
        callees=[call.callee.digits],
        callee_kinds=[call.callee.kind],
        starts_micros=[to_micros(call.start_time)],
        durations_ms=[call.duration_ms],
        answered=[1],
    )

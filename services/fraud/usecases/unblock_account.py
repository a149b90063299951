"""Unblocks an account and pardons what it did."""

from datetime import timedelta

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_to_proto
from kernel.clock import from_micros
from kernel.partition import partition_of
from services.fraud.domain.block import check_reason
from services.fraud.domain.errors import account_not_blocked
from services.fraud.store.accounts import delete_block, lock_accounts, store_pardon
from services.fraud.store.windows import delete_steps_of_account, newest_call_micros
from tollbook.fraud.v1.fraud_events_pb2 import AccountUnblocked

# As far as a clock may be ahead that shows local time for UTC.
CLOCK_AHEAD_MAX = timedelta(hours=14)


def unblock_account(uow: UnitOfWork, tenant_id: str, account_id: str, reason: str) -> None:
    """Let an account take calls again. Only calls that start from now on count against it.

    A switch's clock may be ahead of ours: what was counted already is pardoned as well, but not the
    time to come that one call with an absurd date would reach to.

    Raises:
        DomainError: ACCOUNT_NOT_BLOCKED; INVALID_FIELD for a reason that is empty or too long.
    """
    check_reason(reason)
    lock_accounts(uow.connection, tenant_id, [account_id])
    if not delete_block(uow.connection, tenant_id, account_id):
        raise account_not_blocked(account_id)
    newest = from_micros(newest_call_micros(uow.connection, tenant_id, account_id))
    pardon = min(max(uow.now, newest), uow.now + CLOCK_AHEAD_MAX)
    store_pardon(uow.connection, tenant_id, account_id, pardon)
    delete_steps_of_account(uow.connection, tenant_id, account_id)
    event = AccountUnblocked(
        account_id=account_id, reason=reason, unblock_time=time_to_proto(uow.now)
    )
    uow.publish(event, tenant_id, partition_of(tenant_id, account_id))

"""Blocks an account."""

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import time_to_proto
from kernel.partition import partition_of
from services.fraud.domain.block import Block, check_reason
from services.fraud.store.accounts import find_block, insert_block, lock_accounts
from tollbook.fraud.v1.fraud_events_pb2 import AccountBlocked


def block_account(
    uow: UnitOfWork, tenant_id: str, account_id: str, reason: str, actor: str
) -> Block:
    """Refuse an account's further calls; one that is blocked stays as it is, with its reason.

    Raises:
        DomainError: INVALID_FIELD for a reason that is empty or too long.
    """
    check_reason(reason)
    lock_accounts(uow.connection, tenant_id, [account_id])
    known = find_block(uow.connection, tenant_id, account_id)
    if known is not None:
        return known
    block = Block(account_id, reason, actor, uow.now)
    insert_block(uow.connection, tenant_id, block)
    event = AccountBlocked(
        account_id=account_id, reason=reason, block_time=time_to_proto(block.block_time)
    )
    uow.publish(event, tenant_id, partition_of(tenant_id, account_id))
    return block

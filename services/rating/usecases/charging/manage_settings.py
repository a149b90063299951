"""Setting what charging goes by: policies, limits on calls, return codes of equipment."""

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.limits import CallLimit, ScopeKey, check_limit
from services.rating.domain.charging.policy import DEFAULT_POLICY, ChargingPolicy, check_policy
from services.rating.domain.charging.return_codes import ReturnCodes, check_codes
from services.rating.domain.errors import UNKNOWN_ACCOUNT, not_found, unrated
from services.rating.store.account_changes import WHOLE_TENANT, note_account_change
from services.rating.store.accounts import accounts_of
from services.rating.store.call_limits import StoredLimit, delete_limit, set_limit
from services.rating.store.charging_policies import (
    StoredPolicy,
    delete_policy,
    set_policy,
    stored_policy,
)
from services.rating.store.return_codes import delete_return_codes, set_return_codes


def set_charging_policy(
    uow: UnitOfWork, tenant_id: str, account_id: str, policy: ChargingPolicy
) -> StoredPolicy:
    """Give an account, or the tenant, a policy in place of the one it had.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, INVALID_CHARGING_POLICY.
    """
    check_policy(policy)
    _check_account(uow.connection, tenant_id, account_id)
    stored = StoredPolicy(account_id, policy, uow.now)
    set_policy(uow.connection, tenant_id, stored)
    note_account_change(uow, tenant_id, account_id)
    return stored


def remove_charging_policy(uow: UnitOfWork, tenant_id: str, account_id: str) -> None:
    """Let what is more general hold again. Raises CHARGING_POLICY_NOT_FOUND."""
    if not delete_policy(uow.connection, tenant_id, account_id):
        raise not_found("CHARGING_POLICY", account_id)
    note_account_change(uow, tenant_id, account_id)


def policy_in_force(connection: Connection, tenant_id: str, account_id: str) -> StoredPolicy:
    """The policy that holds for an account, with its owner. Raises UNKNOWN_ACCOUNT."""
    _check_account(connection, tenant_id, account_id)
    return (
        stored_policy(connection, tenant_id, account_id)
        or stored_policy(connection, tenant_id, WHOLE_TENANT)
        or StoredPolicy(WHOLE_TENANT, DEFAULT_POLICY, None)
    )


def set_call_limit(uow: UnitOfWork, key: ScopeKey, limit: CallLimit) -> StoredLimit:
    """Limit the calls of an account, a line or a trunk. Raises INVALID_CALL_LIMIT."""
    check_limit(key, limit)
    stored = StoredLimit(key, limit, uow.now)
    set_limit(uow.connection, stored)
    return stored


def remove_call_limit(uow: UnitOfWork, key: ScopeKey) -> None:
    """Let as many calls begin as come. Raises CALL_LIMIT_NOT_FOUND."""
    if not delete_limit(uow.connection, key):
        raise not_found("CALL_LIMIT", key.scope_id)


def tell_equipment(
    uow: UnitOfWork, tenant_id: str, equipment: str, reason: Reason, codes: ReturnCodes
) -> None:
    """Have an equipment told other codes for a reason. Raises INVALID_RETURN_CODE."""
    check_codes(equipment, codes)
    set_return_codes(uow.connection, tenant_id, equipment, reason, codes, uow.now)
    note_account_change(uow, tenant_id, WHOLE_TENANT)


def tell_equipment_standard(
    uow: UnitOfWork, tenant_id: str, equipment: str, reason: Reason
) -> None:
    """Have an equipment told the standard codes again. Raises RETURN_CODE_NOT_FOUND."""
    if not delete_return_codes(uow.connection, tenant_id, equipment, reason):
        raise not_found("RETURN_CODE", f"{equipment} {reason}")
    note_account_change(uow, tenant_id, WHOLE_TENANT)


def _check_account(connection: Connection, tenant_id: str, account_id: str) -> None:
    is_known = account_id in accounts_of(connection, tenant_id, [account_id])
    if account_id != WHOLE_TENANT and not is_known:
        raise unrated(UNKNOWN_ACCOUNT, account_id=account_id)

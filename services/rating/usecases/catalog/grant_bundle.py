"""Giving an account a bundle besides those of its plan."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError, ErrorKind
from kernel.ids import is_uuid, new_uuid
from services.rating.domain.account import BundleGrant
from services.rating.domain.errors import UNKNOWN_ACCOUNT, invalid_field, unrated
from services.rating.domain.plans.condition_check import check_condition
from services.rating.domain.plans.plan_check import check_allowance
from services.rating.store.account_changes import note_account_change
from services.rating.store.accounts import accounts_of
from services.rating.store.bundle_grants import insert_grant_if_new


def grant_bundle(uow: UnitOfWork, tenant_id: str, grant: BundleGrant) -> BundleGrant:
    """Store a grant; calls that start within its validity may use it from now on.

    Raises:
        DomainError: UNKNOWN_ACCOUNT, INVALID_TERMS, INVALID_ID, GRANT_EXISTS.
    """
    check_allowance("grant.allowance", grant.allowance)
    # Bands belong to plans, and a grant to none.
    check_condition("grant.allowance.when", grant.allowance.when, bands=frozenset())
    if grant.grant_id and not is_uuid(grant.grant_id):
        problem = f"{grant.grant_id!r} is no UUID; leave it empty"
        raise invalid_field("INVALID_ID", "grant.grant_id", problem)
    if not accounts_of(uow.connection, tenant_id, [grant.account_id]):
        raise unrated(UNKNOWN_ACCOUNT, account_id=grant.account_id)
    grant = grant._replace(grant_id=grant.grant_id or new_uuid())
    if not insert_grant_if_new(uow.connection, tenant_id, grant, uow.now):
        raise DomainError(
            ErrorKind.ALREADY_EXISTS,
            "GRANT_EXISTS",
            f"there is a grant {grant.grant_id!r} already; leave the id empty for another",
            {"grant_id": grant.grant_id},
        )
    note_account_change(uow, tenant_id, grant.account_id)
    return grant

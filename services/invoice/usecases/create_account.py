"""A new billing account of a customer."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError
from services.invoice.domain.account import RESELLER_LEVELS_MAX, Account, check_payer
from services.invoice.domain.errors import exists, not_found, reseller_chain_too_long, taken
from services.invoice.store import accounts, customers, directory, periods
from services.invoice.usecases import announce


def create_account(uow: UnitOfWork, tenant_id: str, account: Account) -> Account:
    """Create an account, announce it and open its first billing period.

    Raises CUSTOMER_NOT_FOUND, LEGAL_ENTITY_NOT_FOUND, ACCOUNT_NOT_FOUND (the payer),
    CURRENCY_MISMATCH, ACCOUNT_IS_PAID_BY_ANOTHER (the payer), RESELLER_NOT_FOUND,
    RESELLER_CHAIN_TOO_LONG, ACCOUNT_EXISTS, ACCOUNT_CODE_TAKEN.
    """
    _check_references(uow, tenant_id, account)
    if not accounts.insert_account(uow.connection, tenant_id, account):
        raise _conflict(uow, tenant_id, account)
    if account.is_payer:
        first = (account.account_id, account.first_period)
        periods.ensure_periods(uow.connection, tenant_id, [first])
    announce.account_changed(uow, tenant_id, account)
    return account


def _check_references(uow: UnitOfWork, tenant_id: str, account: Account) -> None:
    if not customers.is_customer(uow.connection, tenant_id, account.customer_id):
        raise not_found("customer", account.customer_id)
    if not directory.find_legal_entity(uow.connection, tenant_id, account.legal_entity_id):
        raise not_found("legal entity", account.legal_entity_id)
    if not account.is_payer:
        payer = accounts.find_account(uow.connection, tenant_id, account.payer_account_id)
        if payer is None:
            raise not_found("account", account.payer_account_id)
        check_payer(account, payer)
    _check_resellers(uow, tenant_id, account)


def _check_resellers(uow: UnitOfWork, tenant_id: str, account: Account) -> None:
    """Go up level by level. A reseller is older than who it sells to, so that no way leads back."""
    levels, reseller_id = 0, account.reseller_account_id
    while reseller_id:
        reseller = accounts.find_account(uow.connection, tenant_id, reseller_id)
        if reseller is None:
            raise not_found("reseller", reseller_id)
        levels += 1
        if levels > RESELLER_LEVELS_MAX:
            raise reseller_chain_too_long(account.reseller_account_id, RESELLER_LEVELS_MAX)
        reseller_id = reseller.reseller_account_id


def _conflict(uow: UnitOfWork, tenant_id: str, account: Account) -> DomainError:
    if accounts.find_account(uow.connection, tenant_id, account.account_id):
        return exists("account", account.account_id)
    return taken("account code", account.code)

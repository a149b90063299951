"""A new billing account of a customer."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError
from services.invoice.domain.account import Account, check_payer
from services.invoice.domain.errors import exists, not_found, taken
from services.invoice.store import accounts, customers, directory, periods
from services.invoice.usecases import announce


def create_account(uow: UnitOfWork, tenant_id: str, account: Account) -> Account:
    """Create an account, announce it and open its first billing period.

    Raises CUSTOMER_NOT_FOUND, LEGAL_ENTITY_NOT_FOUND, ACCOUNT_NOT_FOUND (the payer),
    CURRENCY_MISMATCH, ACCOUNT_IS_PAID_BY_ANOTHER (the payer), ACCOUNT_EXISTS, ACCOUNT_CODE_TAKEN.
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


def _conflict(uow: UnitOfWork, tenant_id: str, account: Account) -> DomainError:
    if accounts.find_account(uow.connection, tenant_id, account.account_id):
        return exists("account", account.account_id)
    return taken("account code", account.code)

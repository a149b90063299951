"""Choosing the currency in which a tenant's margins are counted."""

from chassis.database.unit_of_work import UnitOfWork
from kernel.money import minor_unit_decimals
from services.rating.store.rating_profiles import set_base_currency
from services.rating.store.tariff_numbers import count_tariff, lock_tariff


def choose_base_currency(uow: UnitOfWork, tenant_id: str, currency: str) -> None:
    """Count margins in a currency from here on; '' leaves each in that of its charge.

    Raises:
        DomainError: UNKNOWN_CURRENCY.
    """
    if currency:
        minor_unit_decimals(currency)
    lock_tariff(uow.connection, tenant_id)
    set_base_currency(uow.connection, tenant_id, currency)
    count_tariff(uow.connection, tenant_id)

"""Replacing a tenant's own table of area codes and exchanges."""

from chassis.database.unit_of_work import UnitOfWork
from services.rating.domain.tariffs.jurisdiction import NumberingArea
from services.rating.store.numbering_areas import replace_numbering_areas
from services.rating.store.retries import ALL_ACCOUNTS, ask_retry
from services.rating.store.tariff_numbers import count_tariff, lock_tariff


def import_numbering_areas(uow: UnitOfWork, tenant_id: str, areas: list[NumberingArea]) -> int:
    """Store the table in place of the one before; the number of its rows."""
    lock_tariff(uow.connection, tenant_id)
    replace_numbering_areas(uow.connection, tenant_id, areas)
    count_tariff(uow.connection, tenant_id)
    ask_retry(uow.connection, tenant_id, ALL_ACCOUNTS)
    return len(areas)

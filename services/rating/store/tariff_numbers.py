"""The number of a tenant's tariff, which tells when anything that was published in it is new."""

from collections.abc import Collection

from sqlalchemy import Connection, Select, bindparam, select, update

from chassis.database.direct import Direct
from chassis.database.insert import insert_if_new
from services.rating.store.schema import tariff_version

# Asked for every batch of calls.
_TARIFF_NUMBER = Direct(
    select(tariff_version.c.version).where(tariff_version.c.tenant_id == bindparam("tenant_id"))
)
# Asked by every replica several times a second.
_TARIFF_NUMBERS = Direct(
    select(tariff_version.c.tenant_id, tariff_version.c.version).where(
        tariff_version.c.tenant_id.in_(bindparam("tenant_ids", expanding=True))
    )
)


def lock_tariff(connection: Connection, tenant_id: str) -> None:
    """Keep others from publishing in a tenant until the transaction ends."""
    insert_if_new(connection, tariff_version, {"tenant_id": tenant_id, "version": 0})
    connection.execute(_of_tenant(tenant_id).with_for_update()).scalar_one()


def tariff_number(connection: Connection, tenant_id: str) -> int:
    """The number of the tariff, as this transaction sees it."""
    rows = _TARIFF_NUMBER.rows(connection, {"tenant_id": tenant_id})
    return int(rows[0][0]) if rows else 0


def tariff_numbers(connection: Connection, tenant_ids: Collection[str]) -> dict[str, int]:
    """The numbers of the tariffs of some tenants; those that published nothing are left out."""
    return dict(_TARIFF_NUMBERS.rows(connection, {"tenant_ids": sorted(tenant_ids)}))


def tenants_with_tariffs(connection: Connection, limit: int) -> list[str]:
    """Tenants that have published something."""
    query = select(tariff_version.c.tenant_id).order_by(tariff_version.c.tenant_id).limit(limit)
    return list(connection.execute(query).scalars())


def count_tariff(connection: Connection, tenant_id: str) -> None:
    """Tell every replica that something new was published; the tariff is locked already."""
    connection.execute(
        update(tariff_version)
        .where(tariff_version.c.tenant_id == tenant_id)
        .values(version=tariff_version.c.version + 1)
    )


def _of_tenant(tenant_id: str) -> Select[int]:
    return select(tariff_version.c.version).where(tariff_version.c.tenant_id == tenant_id)

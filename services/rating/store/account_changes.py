"""When what pricing knows of an account was stored: how every replica finds what is new."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, func, select, type_coerce

from chassis.database.direct import Direct
from chassis.database.insert import insert_into
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from services.rating.store.schema import account_change

# Instead of an account: what holds for the whole tenant.
WHOLE_TENANT = ""

_MICROS = type_coerce(account_change.c.change_time, BigInteger)
# Asked for every batch of calls, so that it is made once.
_CHANGE_TIMES = select(account_change.c.account_id, _MICROS).where(
    account_change.c.tenant_id == bindparam("tenant_id"),
    account_change.c.account_id.in_(bindparam("account_ids", expanding=True)),
)
# Asked by every replica several times a second.
_CHANGES_SINCE = Direct(
    select(account_change.c.tenant_id, account_change.c.account_id, _MICROS)
    .where(account_change.c.change_time > bindparam("moment"))
    .limit(bindparam("limit"))
)
_TENANT_CHANGES_SINCE = Direct(
    select(account_change.c.tenant_id, _MICROS).where(
        account_change.c.change_time > bindparam("moment"),
        account_change.c.account_id == WHOLE_TENANT,
    )
)


class AccountChange(NamedTuple):
    """The newest change of an account; the time tells it from those before."""

    tenant_id: str
    account_id: str
    change_micros: int


def note_account_change(uow: UnitOfWork, tenant_id: str, account_id: str) -> None:
    """Tell every replica that something it may have in memory of an account is out of date."""
    values = {"tenant_id": tenant_id, "account_id": account_id, "change_time": uow.now}
    insert = insert_into(uow.connection, account_change).values(**values)
    # No two changes of an account have one time, whatever the clocks of two replicas say.
    larger = func.greatest if uow.connection.dialect.name == "postgresql" else func.max
    time = larger(type_coerce(insert.excluded.change_time, BigInteger), _MICROS + 1)
    uow.connection.execute(
        insert.on_conflict_do_update(
            index_elements=list(account_change.primary_key.columns), set_={"change_time": time}
        )
    )


def changes_since(connection: Connection, moment: datetime, limit: int) -> list[AccountChange]:
    """Accounts that changed after a moment, of all tenants."""
    parameters = {"moment": to_micros(moment), "limit": limit}
    return [AccountChange(*row) for row in _CHANGES_SINCE.rows(connection, parameters)]


def tenant_changes_since(connection: Connection, moment: datetime) -> dict[str, int]:
    """Tenants whose own settings changed after a moment, with the time in microseconds."""
    return dict(_TENANT_CHANGES_SINCE.rows(connection, {"moment": to_micros(moment)}))


def change_times(
    connection: Connection, tenant_id: str, account_ids: Collection[str]
) -> dict[str, int]:
    """When each of some accounts changed, in microseconds; those that never did are left out."""
    parameters = {"tenant_id": tenant_id, "account_ids": sorted(account_ids)}
    return {row[0]: row[1] for row in connection.execute(_CHANGE_TIMES, parameters)}

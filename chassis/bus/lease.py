"""Leases: which replica relays and consumes which partition.

Leases only make work fast: two replicas at once would still have every effect once, because the
database decides. Each replica takes no more than its share, so that new ones find work.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import SQLAlchemyError

from chassis.database.engine import Database
from chassis.database.schema import lease_table
from chassis.database.unit_of_work import UnitOfWork

LEASE_TTL_SECONDS = 10
LEASE_RENEW_SECONDS = 2

_MEMBER = "member/"
_logger = logging.getLogger(__name__)


class LeaseLostError(RuntimeError):
    """Another replica works on this now."""


class Leases:
    """The leases that this process holds, renewed in the background."""

    def __init__(self, database: Database, holder: str, names: Sequence[str]) -> None:
        self._database = database
        self._holder = holder
        self._names = sorted(names)
        self._tokens: dict[str, int] = {}
        self._changed = asyncio.Event()

    def token(self, name: str) -> int | None:
        """Return the fencing token of a lease, None while another replica holds it."""
        return self._tokens.get(name)

    async def wait_for(self, name: str) -> int:
        """Wait until this process holds the lease, and return its token."""
        while (token := self._tokens.get(name)) is None:
            self._changed.clear()
            await self._changed.wait()
        return token

    async def keep(self) -> None:
        """Take, renew and share leases until cancelled."""
        while True:
            try:
                self._tokens = await self._database.write(self._renew)
                self._changed.set()
            except SQLAlchemyError as error:
                # Held leases run out by themselves; the work under them is fenced.
                _logger.warning("leases not renewed: %r", error)
            await asyncio.sleep(LEASE_RENEW_SECONDS)

    async def release(self) -> None:
        """Give every lease back at once, for a successor that should not have to wait."""
        self._tokens = {}
        await self._database.write(self._give_back)

    def _renew(self, unit_of_work: UnitOfWork) -> dict[str, int]:
        self._take(unit_of_work, f"{_MEMBER}{self._holder}")
        share = self._share(unit_of_work)
        held = self._held(unit_of_work)
        for name in held[share:]:
            self._prolong(unit_of_work, name, seconds=0)
        free = (name for name in self._names if name not in held)
        for name in [*held[:share], *free]:
            if len(self._held(unit_of_work)) < share or name in held:
                self._take(unit_of_work, name)
        return self._tokens_held(unit_of_work)

    def _give_back(self, unit_of_work: UnitOfWork) -> None:
        for name in [f"{_MEMBER}{self._holder}", *self._names]:
            self._prolong(unit_of_work, name, seconds=0)

    def _share(self, unit_of_work: UnitOfWork) -> int:
        """Return how many leases each living replica may hold."""
        members = unit_of_work.connection.execute(
            select(func.count())
            .select_from(lease_table)
            .where(
                lease_table.c.name.startswith(_MEMBER),
                lease_table.c.expire_time > unit_of_work.now,
            )
        ).scalar_one()
        return -(-len(self._names) // members)

    def _held(self, unit_of_work: UnitOfWork) -> list[str]:
        return sorted(self._tokens_held(unit_of_work))

    def _tokens_held(self, unit_of_work: UnitOfWork) -> dict[str, int]:
        table = lease_table.c
        query = select(table.name, table.token).where(
            table.holder == self._holder,
            table.expire_time > unit_of_work.now,
            table.name.in_(self._names),
        )
        return {row.name: row.token for row in unit_of_work.connection.execute(query)}

    def _take(self, unit_of_work: UnitOfWork, name: str) -> None:
        """Take a lease that is free or has run out, or prolong our own; leave another's alone."""
        postgresql = unit_of_work.connection.dialect.name == "postgresql"
        table = lease_table.c
        statement = (postgresql_insert if postgresql else sqlite_insert)(lease_table).values(
            name=name, holder=self._holder, token=1, expire_time=unit_of_work.now
        )
        unit_of_work.connection.execute(
            statement.on_conflict_do_update(
                index_elements=[table.name],
                set_={"holder": self._holder, "token": table.token + 1},
                where=(table.expire_time <= unit_of_work.now) & (table.holder != self._holder),
            )
        )
        self._prolong(unit_of_work, name, LEASE_TTL_SECONDS)

    def _prolong(self, unit_of_work: UnitOfWork, name: str, seconds: int) -> None:
        unit_of_work.connection.execute(
            update(lease_table)
            .where(lease_table.c.name == name, lease_table.c.holder == self._holder)
            .values(expire_time=unit_of_work.now + timedelta(seconds=seconds))
        )


def check_token(unit_of_work: UnitOfWork, name: str, token: int) -> None:
    """Refuse work under a lease that another replica has taken since.

    Raises:
        LeaseLostError: the token is not the newest.
    """
    newest = unit_of_work.connection.execute(
        select(lease_table.c.token).where(lease_table.c.name == name)
    ).scalar_one()
    if newest != token:
        raise LeaseLostError(f"lease {name} was taken over: token {token}, now {newest}")

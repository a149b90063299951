"""Leases: which replica relays and consumes which partition.

Leases only make work fast: two replicas at once would still have every effect once, because the
database decides. Each replica takes no more than its share, so that new ones find work.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, delete, func, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from chassis.database.direct import Direct
from chassis.database.engine import Database
from chassis.database.insert import insert_into
from chassis.database.schema import lease_table
from chassis.database.unit_of_work import UnitOfWork

LEASE_TTL_SECONDS = 10
LEASE_RENEW_SECONDS = 3
RELEASE_SECONDS_MAX = 5.0

_MEMBER = "member/"
_TTL = timedelta(seconds=LEASE_TTL_SECONDS)
_lease = lease_table.c
_FIND_TOKENS = Direct(
    select(_lease.name, _lease.token).where(_lease.name.in_(bindparam("names", expanding=True)))
)
_logger = logging.getLogger(__name__)


class LeaseLostError(RuntimeError):
    """Another replica works on this now."""


class Leases:
    """The leases that this process holds, renewed in the background.

    Where there are more replicas than one, each gets the same share; the order of `names` says
    which leases go together.
    """

    def __init__(self, database: Database, holder: str, names: Sequence[str]) -> None:
        self._database = database
        self._holder = holder
        self._member = _MEMBER + holder
        self._names = list(names)
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
        """Give every lease back, for a successor that should not have to wait; if it goes fast."""
        self._tokens = {}
        try:
            await asyncio.wait_for(self._database.write(self._give_back), RELEASE_SECONDS_MAX)
        except (SQLAlchemyError, TimeoutError) as error:
            _logger.warning("leases are left to run out: %r", error)

    def _renew(self, unit_of_work: UnitOfWork) -> dict[str, int]:
        now = _now(unit_of_work)
        leases = {row.name: row for row in unit_of_work.connection.execute(select(lease_table))}
        share = self._share(leases, now)
        held = [n for n in self._names if n in leases and self._is_held(leases[n], now)]
        free = [n for n in self._names if n not in leases or leases[n].expire_time <= now]
        if held[share:]:
            self._expire(unit_of_work, held[share:], now)
        if any(name.startswith(_MEMBER) and row.expire_time <= now for name, row in leases.items()):
            _forget_the_gone(unit_of_work, now)
        wanted = [self._member, *held[:share], *free[: max(0, share - len(held))]]
        return self._take(unit_of_work, wanted, now)

    def _give_back(self, unit_of_work: UnitOfWork) -> None:
        self._expire(unit_of_work, [self._member, *self._names], _now(unit_of_work))

    def _share(self, leases: Mapping[str, Row[Any]], now: datetime) -> int:
        """Return how many leases each living replica may hold."""
        members = {n for n in leases if n.startswith(_MEMBER) and leases[n].expire_time > now}
        return -(-len(self._names) // len(members | {self._member}))

    def _is_held(self, lease: Row[Any], now: datetime) -> bool:
        return bool(lease.holder == self._holder and lease.expire_time > now)

    def _take(
        self, unit_of_work: UnitOfWork, names: Sequence[str], now: datetime
    ) -> dict[str, int]:
        """Take or prolong leases, save those that another has meanwhile; return their tokens."""
        rows = [
            {"name": name, "holder": self._holder, "token": 1, "expire_time": now + _TTL}
            for name in sorted(names)
        ]
        statement = insert_into(unit_of_work.connection, lease_table)
        is_ours = _lease.holder == self._holder
        taken = statement.on_conflict_do_update(
            index_elements=[_lease.name],
            set_={
                "holder": statement.excluded.holder,
                "token": case((is_ours, _lease.token), else_=_lease.token + 1),
                "expire_time": statement.excluded.expire_time,
            },
            where=or_(is_ours, _lease.expire_time <= now),
        ).returning(_lease.name, _lease.token)
        # As values of the statement they would have it compiled anew each time.
        tokens = {row.name: row.token for row in unit_of_work.connection.execute(taken, rows)}
        del tokens[self._member]
        return tokens

    def _expire(self, unit_of_work: UnitOfWork, names: Sequence[str], now: datetime) -> None:
        unit_of_work.connection.execute(
            update(lease_table)
            .where(_lease.name.in_(names), _lease.holder == self._holder)
            .values(expire_time=now)
        )


def check_tokens(connection: Connection, tokens: Mapping[str, int]) -> None:
    """Refuse work under leases of which another replica has taken one since.

    Raises:
        LeaseLostError: a token is not the newest.
    """
    found = _FIND_TOKENS.rows(connection, {"names": list(tokens)})
    newest: dict[str, int] = dict(found)
    for name, token in tokens.items():
        if newest[name] != token:
            raise LeaseLostError(f"lease {name} was taken over: token {token}, now {newest[name]}")


def _now(unit_of_work: UnitOfWork) -> datetime:
    """Return the time that all replicas share, so that none with a fast clock takes everything."""
    if unit_of_work.connection.dialect.name == "sqlite":
        return unit_of_work.now
    moment: datetime = unit_of_work.connection.execute(select(func.now())).scalar_one()
    return moment


def _forget_the_gone(unit_of_work: UnitOfWork, now: datetime) -> None:
    """Delete replicas that are no more; each start has a name of its own."""
    unit_of_work.connection.execute(
        delete(lease_table).where(_lease.name.startswith(_MEMBER), _lease.expire_time <= now)
    )

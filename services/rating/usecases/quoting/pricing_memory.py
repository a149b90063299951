"""What quotes are priced with, in memory: no database and no other thread stands in their way.

The database is asked for changes a few times a second (`change_watch.py`). What it answered counts
as true until the next time, and no longer than a second; nothing that is missing here is said to be
missing there.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import NamedTuple, TypeVar

from sqlalchemy import Connection

from chassis.database.engine import DATABASE_ERRORS, Database
from kernel.clock import utc_now
from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.store.account_changes import AccountChange, changes_since
from services.rating.store.customers import KnownCustomer, read_customers
from services.rating.store.decks import StoredVersion, published_versions
from services.rating.store.tariff_numbers import tariff_number, tariff_numbers
from services.rating.usecases.change_watch import CHANGES_PER_POLL_MAX, ChangeWatch, Read
from services.rating.usecases.quoting.customers import CUSTOMERS_IN_MEMORY_MAX, Customers
from services.rating.usecases.tariffs import Tariffs

TENANTS_IN_MEMORY_MAX = 1_000

T = TypeVar("T")

_logger = logging.getLogger(__name__)


class NumberedTariff(NamedTuple):
    """The tariff of a tenant, immutable, and its number in the database."""

    number: int
    tariff: Tariff


class PricingBasis(NamedTuple):
    """What one request is priced with, from its begin to its end."""

    tariff: Tariff
    customers: Mapping[str, KnownCustomer]


class _News(NamedTuple):
    """What a look at the database showed."""

    changes: list[AccountChange]
    tariff_numbers: Mapping[str, int]


class TableMissingError(LookupError):
    """A deck version is not compiled in memory."""


class PricingMemory:
    """Tariffs and customers as the database had them a moment ago. Lives on the event loop."""

    def __init__(
        self,
        database: Database,
        tariffs: Tariffs,
        watch: ChangeWatch,
        customers_max: int = CUSTOMERS_IN_MEMORY_MAX,
    ) -> None:
        self._database = database
        self._tariffs = tariffs
        self._watch = watch
        self._customers = Customers(customers_max)
        self._known: dict[str, NumberedTariff] = {}
        self._newest: Mapping[str, int] = {}
        self._loads: dict[str, asyncio.Task[NumberedTariff]] = {}
        watch.tell(self._news, self._heed)

    async def heed_publication(self, tenant_id: str) -> None:
        """Take up what was just published in a tenant, before whoever did it is answered."""
        self._watch.doubt()
        try:
            await self._current(tenant_id)
        except DATABASE_ERRORS:
            # It is published all the same; the doubt remains.
            _logger.warning("what was published is not in memory yet", exc_info=True)

    async def open_decks(self, tenant_id: str) -> None:
        """Open all decks of a tenant, one after the other."""
        versions = await self._database.read(lambda c: published_versions(c, tenant_id))
        for version_id in _versions_to_compile(versions, lambda _: True, utc_now()):
            await self._load_table(tenant_id, version_id)

    def at_hand(self, tenant_id: str, account_id: str) -> tuple[Tariff, KnownCustomer] | None:
        """What a call is priced with, if it takes no waiting."""
        known = self._known.get(tenant_id)
        customer = self._customers.get(tenant_id, account_id)
        if known is None or customer is None or not self._watch.is_fresh():
            return None
        return known.tariff, customer

    def last_known(self, tenant_id: str, account_id: str) -> KnownCustomer | None:
        """A customer as it was heard of last, however long ago: for when the database is down."""
        return self._customers.get(tenant_id, account_id)

    def table_at_hand(self, tenant_id: str) -> Callable[[str], PrefixTable]:
        """Gives the compiled rows of a deck version. Raises TableMissingError."""

        def table_of(version_id: str) -> PrefixTable:
            table = self._tariffs.loaded(tenant_id, version_id)
            if table is None:
                raise TableMissingError(version_id)
            return table

        return table_of

    async def basis(self, tenant_id: str, account_ids: Collection[str]) -> PricingBasis:
        """What calls of some accounts are priced with; unknown accounts are left out."""
        if not self._watch.is_fresh():
            await self._current(tenant_id)
        known = await self._at_least(tenant_id, 0)
        customers, missing = self._customers.get_each(tenant_id, account_ids)
        if missing:
            customers |= await self._read_customers(tenant_id, missing)
        return PricingBasis(known.tariff, customers)

    async def confirmed(
        self, tenant_id: str, basis: PricingBasis, account_ids: Collection[str]
    ) -> PricingBasis:
        """A basis with some accounts, and the tariff, as the database has them now."""

        def work(connection: Connection) -> tuple[int, dict[str, KnownCustomer]]:
            number = tariff_number(connection, tenant_id)
            return number, read_customers(connection, tenant_id, account_ids)

        number, customers = await self._database.read(work)
        self._customers.remember(tenant_id, customers)
        known = await self._at_least(tenant_id, number)
        others = {
            account_id: customer
            for account_id, customer in basis.customers.items()
            if account_id not in account_ids
        }
        return PricingBasis(known.tariff, others | customers)

    async def with_tables(
        self, tenant_id: str, work: Callable[[Callable[[str], PrefixTable]], T]
    ) -> T:
        """Run work that needs compiled deck versions, from its begin again once they are loaded."""
        held: dict[str, PrefixTable] = {}
        at_hand = self.table_at_hand(tenant_id)

        def table_of(version_id: str) -> PrefixTable:
            if version_id not in held:
                held[version_id] = at_hand(version_id)
            return held[version_id]

        while True:
            try:
                return work(table_of)
            except TableMissingError as missing:
                version_id = str(missing)
                held[version_id] = await self._load_table(tenant_id, version_id)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read what is never kept in memory, as counters."""
        return await self._database.read(work)

    async def _current(self, tenant_id: str) -> None:
        """Ask what has changed, unless somebody did meanwhile, and take up a new tariff."""
        await self._watch.catch_up()
        if tenant_id in self._known:
            await self._at_least(tenant_id, self._newest.get(tenant_id, 0))

    async def _at_least(self, tenant_id: str, number: int) -> NumberedTariff:
        """The tariff of a number, or a newer one."""
        known = self._known.get(tenant_id)
        # A load that is under way may have begun before the number was reached.
        while known is None or known.number < number:
            known = await asyncio.shield(self._begin_load(tenant_id))
        return known

    def _news(self) -> Read[_News]:
        """Reads what has changed of customers, and of the tariffs that are in memory."""
        tenants = list(self._known)

        def read(connection: Connection, since: datetime) -> _News:
            changes = changes_since(connection, since, CHANGES_PER_POLL_MAX)
            return _News(changes, tariff_numbers(connection, tenants))

        return read

    async def _heed(self, news: _News) -> None:
        if len(news.changes) == CHANGES_PER_POLL_MAX:
            self._customers.clear()
        self._customers.heed(news.changes)
        self._newest = news.tariff_numbers
        for tenant_id, number in news.tariff_numbers.items():
            known = self._known.get(tenant_id)
            if known is not None and known.number < number:
                self._begin_load(tenant_id)

    def _begin_load(self, tenant_id: str) -> asyncio.Task[NumberedTariff]:
        """Make the newest tariff ready; until it is, the one before is used."""
        load = self._loads.get(tenant_id)
        if load is None:
            load = asyncio.get_running_loop().create_task(self._take_up(tenant_id))
            self._loads[tenant_id] = load
            load.add_done_callback(lambda done: self._loaded(tenant_id, done))
        return load

    def _loaded(self, tenant_id: str, load: asyncio.Task[NumberedTariff]) -> None:
        del self._loads[tenant_id]
        if not load.cancelled() and load.exception() is not None:
            # The next look at the database begins another; the tariff before is used until then.
            _logger.warning("a tariff could not be loaded", exc_info=load.exception())

    async def _take_up(self, tenant_id: str) -> NumberedTariff:
        """Read a tariff, compile what replaces decks in use, and only then price by it."""

        def is_open(version_id: str) -> bool:
            return self._tariffs.loaded(tenant_id, version_id) is not None

        def work(connection: Connection) -> NumberedTariff:
            tariff = self._tariffs.current(connection, tenant_id)
            versions = published_versions(connection, tenant_id)
            for version_id in _versions_to_compile(versions, is_open, utc_now()):
                self._tariffs.table(connection, tenant_id, version_id)
            return NumberedTariff(tariff_number(connection, tenant_id), tariff)

        known = await self._database.read(work)
        self._known[tenant_id] = known
        while len(self._known) > TENANTS_IN_MEMORY_MAX:
            del self._known[next(iter(self._known))]
        return known

    async def _load_table(self, tenant_id: str, version_id: str) -> PrefixTable:
        return await self._database.read(
            lambda connection: self._tariffs.table(connection, tenant_id, version_id)
        )

    async def _read_customers(
        self, tenant_id: str, account_ids: Collection[str]
    ) -> dict[str, KnownCustomer]:
        read = await self._database.read(
            lambda connection: read_customers(connection, tenant_id, account_ids)
        )
        self._customers.remember(tenant_id, read)
        return read


def _versions_to_compile(
    versions: Collection[StoredVersion],
    is_open: Callable[[str], bool],
    now: datetime,
) -> list[str]:
    """Versions in force, now or later, of decks that are in use."""
    in_use = {each.rate_deck_id for each in versions if is_open(each.rate_deck_version_id)}
    published = [(each.effective_time, each) for each in versions if each.effective_time]
    wanted: list[str] = []
    for effective, each in sorted(published, reverse=True):
        if each.rate_deck_id in in_use:
            wanted.append(each.rate_deck_version_id)
            if effective <= now:
                in_use.remove(each.rate_deck_id)
    return wanted

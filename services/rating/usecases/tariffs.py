"""The tariffs of all tenants in memory: read again when they change, compiled once a version."""

import threading
from collections import OrderedDict
from typing import NamedTuple

from sqlalchemy import Connection

from services.rating.domain.prefix_table import PrefixTable
from services.rating.domain.tariff import Tariff
from services.rating.store.decks import list_rates
from services.rating.store.plans import read_tariff, tariff_number

# About 70 bytes a row: 350 MB at most.
RATES_IN_MEMORY_MAX = 5_000_000
TENANTS_IN_MEMORY_MAX = 1_000


class _NumberedTariff(NamedTuple):
    number: int
    tariff: Tariff


class Tariffs:
    """What calls are priced with. Safe to use from any thread.

    The number of a tariff is read in the transaction that prices, so every replica sees a new deck
    or plan at once. The rows of a published version
    never change: a compiled table is dropped only to make room.
    """

    def __init__(self, rates_max: int = RATES_IN_MEMORY_MAX) -> None:
        self._rates_max = rates_max
        self._lock = threading.Lock()
        self._tariffs: OrderedDict[str, _NumberedTariff] = OrderedDict()
        self._tables: OrderedDict[tuple[str, str], PrefixTable] = OrderedDict()

    def current(self, connection: Connection, tenant_id: str) -> Tariff:
        """The tariff of a tenant, as this transaction sees it."""
        number = tariff_number(connection, tenant_id)
        with self._lock:
            known = self._tariffs.get(tenant_id)
        if known is None or known.number != number:
            known = _read(connection, tenant_id)
        with self._lock:
            self._tariffs[tenant_id] = known
            self._tariffs.move_to_end(tenant_id)
            if len(self._tariffs) > TENANTS_IN_MEMORY_MAX:
                self._tariffs.popitem(last=False)
        return known.tariff

    def table(
        self, connection: Connection, tenant_id: str, rate_deck_version_id: str
    ) -> PrefixTable:
        """The compiled rows of a version."""
        key = (tenant_id, rate_deck_version_id)
        with self._lock:
            table = self._tables.get(key)
        if table is None:
            # Two threads may compile the same: cheaper than all pricing waiting for one deck.
            table = PrefixTable.compile(list_rates(connection, tenant_id, rate_deck_version_id))
        with self._lock:
            self._tables[key] = table
            self._tables.move_to_end(key)
            self._make_room()
        return table

    def _make_room(self) -> None:
        rates = sum(map(len, self._tables.values()))
        while rates > self._rates_max and len(self._tables) > 1:
            _, dropped = self._tables.popitem(last=False)
            rates -= len(dropped)


def _read(connection: Connection, tenant_id: str) -> _NumberedTariff:
    """The tariff, read again if something is published meanwhile: never parts of two."""
    while True:
        number = tariff_number(connection, tenant_id)
        tariff = read_tariff(connection, tenant_id)
        if tariff_number(connection, tenant_id) == number:
            return _NumberedTariff(number, tariff)

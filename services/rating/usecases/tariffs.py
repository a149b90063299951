"""The tariffs of all tenants in memory, read again when they change, and their decks in files."""

import threading
from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

from sqlalchemy import Connection

from services.rating.domain.decks.prefix_table import PrefixTable
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.store.deck_files import DeckFiles
from services.rating.store.snapshots import stored_snapshot
from services.rating.store.tariff import read_tariff
from services.rating.store.tariff_numbers import tariff_number
from services.rating.usecases.agreements import Agreements

TENANTS_IN_MEMORY_MAX = 1_000
FILE_KEYS_CACHED_MAX = 10_000


class _NumberedTariff(NamedTuple):
    number: int
    tariff: Tariff


class Tariffs:
    """What calls are priced with. Safe to use from any thread.

    The number of a tariff is read in the transaction that prices, so every replica sees a new deck
    or plan at once. The rows of a version never change.
    """

    def __init__(self, deck_files: DeckFiles | None = None) -> None:
        """Keep decks in files; in a temporary folder unless told where."""
        self._deck_files = deck_files or DeckFiles()
        self.agreements = Agreements()
        self._lock = threading.Lock()
        self._tariffs: OrderedDict[str, _NumberedTariff] = OrderedDict()

    def current(self, connection: Connection, tenant_id: str) -> Tariff:
        """The tariff of a tenant, as this transaction sees it."""
        number = tariff_number(connection, tenant_id)
        with self._lock:
            known = self._tariffs.get(tenant_id)
        if known is None or known.number != number:
            known = _read(connection, tenant_id, known and known.tariff)
        with self._lock:
            self._tariffs[tenant_id] = known
            self._tariffs.move_to_end(tenant_id)
            if len(self._tariffs) > TENANTS_IN_MEMORY_MAX:
                self._tariffs.popitem(last=False)
        return known.tariff

    def table(
        self, connection: Connection, tenant_id: str, rate_deck_version_id: str
    ) -> PrefixTable:
        """The rows of a version of the tenant."""
        return self._deck_files.table(
            _file_key(tenant_id, rate_deck_version_id),
            lambda: stored_snapshot(connection, tenant_id, rate_deck_version_id),
        )

    def loaded(self, tenant_id: str, rate_deck_version_id: str) -> PrefixTable | None:
        """The rows of a version if they are open already; asks neither disk nor database."""
        return self._deck_files.opened(_file_key(tenant_id, rate_deck_version_id))


@lru_cache(maxsize=FILE_KEYS_CACHED_MAX)
def _file_key(tenant_id: str, rate_deck_version_id: str) -> str:
    return f"{quote(tenant_id, safe='')}_{rate_deck_version_id}"


def _read(connection: Connection, tenant_id: str, earlier: Tariff | None) -> _NumberedTariff:
    """The tariff, read again if something is published meanwhile: never parts of two."""
    while True:
        number = tariff_number(connection, tenant_id)
        tariff = read_tariff(connection, tenant_id, earlier)
        if tariff_number(connection, tenant_id) == number:
            return _NumberedTariff(number, tariff)

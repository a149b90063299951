"""What charging knows of tenants and lines, in memory: so that it is known in an outage too.

Policies of single accounts are in memory with the account (`pricing_memory.py`). The database is
asked for changes together with those; what a tenant has set, and whose a line is, counts as it was
heard last while the database does not answer.
"""

import logging
from collections import OrderedDict
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from chassis.database.engine import DATABASE_ERRORS, Database
from services.rating.domain.charging.answer import Reason
from services.rating.domain.charging.lines import account_of, identifiers_of
from services.rating.domain.charging.policy import DEFAULT_POLICY, ChargingPolicy
from services.rating.domain.charging.requests import ChargedCall
from services.rating.domain.charging.return_codes import EquipmentTables, ReturnCodes, codes_of
from services.rating.store.account_changes import (
    WHOLE_TENANT,
    change_times,
    tenant_changes_since,
)
from services.rating.store.charging_policies import policies_of
from services.rating.store.customers import KnownCustomer
from services.rating.store.lines import KnownLines, lines_of, lines_stored_since
from services.rating.store.return_codes import equipment_tables
from services.rating.usecases.change_watch import CHANGES_PER_POLL_MAX, ChangeWatch
from services.rating.usecases.quoting.pricing_memory import TENANTS_IN_MEMORY_MAX

# About 300 bytes each.
LINES_IN_MEMORY_MAX = 200_000

_logger = logging.getLogger(__name__)


class TenantSettings(NamedTuple):
    """What holds for all calls of a tenant."""

    policy: ChargingPolicy
    tables: EquipmentTables
    change_micros: int
    """When it changed last, as the database says; tells it from others and orders nothing."""


class _News(NamedTuple):
    """What a look at the database showed."""

    tenants: Mapping[str, int]
    lines: Mapping[tuple[str, str], int]


class ChargingMemory:
    """Settings and lines as the database had them a moment ago. Lives on the event loop."""

    def __init__(
        self, database: Database, watch: ChangeWatch, lines_max: int = LINES_IN_MEMORY_MAX
    ) -> None:
        self._database = database
        self._watch = watch
        self._settings: OrderedDict[str, TenantSettings] = OrderedDict()
        self._lines = _Lines(lines_max)
        watch.tell(lambda: _news, self._heed)

    async def prepare(self, tenant_id: str) -> None:
        """Have a tenant's settings in memory, and nothing that was stored here unheeded."""
        if self._watch.is_doubted:
            await self._watch.catch_up()
        if tenant_id not in self._settings:
            await self._load(tenant_id)

    async def heed_change(self, tenant_id: str) -> None:
        """Take up what was just set in a tenant, before whoever did it is answered."""
        self._watch.doubt()
        try:
            await self.prepare(tenant_id)
        except DATABASE_ERRORS:
            # It is stored all the same; the doubt remains.
            _logger.warning("what was set is not in memory yet", exc_info=True)

    def return_codes_of(self, tenant_id: str, equipment: str, reason: Reason) -> ReturnCodes:
        """What an equipment is told for a reason."""
        return codes_of(self._of(tenant_id).tables, equipment, reason)

    def policy_of(self, tenant_id: str, known: KnownCustomer | None) -> ChargingPolicy:
        """The policy that holds for a customer: its own, else the tenant's, else the standard."""
        return (known and known.policy) or self._of(tenant_id).policy

    async def account_id_of(self, tenant_id: str, call: ChargedCall) -> str | None:
        """Whose a call is; None when the database knows nobody."""
        identifiers = identifiers_of(call)
        known = self._lines.at_hand(tenant_id, identifiers) if self._watch.is_fresh() else {}
        missing = [each for each in identifiers if each not in known]
        if missing:
            known |= await self._read_lines(tenant_id, missing)
        return account_of(call, {each: known[each].lines for each in identifiers})

    def last_known_account_id_of(self, tenant_id: str, call: ChargedCall) -> str | None:
        """Whose a call is by what is in memory, however long ago it was heard."""
        known = self._lines.at_hand(tenant_id, identifiers_of(call))
        return account_of(call, {each: lines.lines for each, lines in known.items()})

    def _of(self, tenant_id: str) -> TenantSettings:
        return self._settings.get(tenant_id, _STANDARD)

    async def _heed(self, news: _News) -> None:
        self._lines.heed(news.lines)
        for tenant_id, change_micros in news.tenants.items():
            known = self._settings.get(tenant_id)
            if known is not None and known.change_micros != change_micros:
                await self._load(tenant_id)

    async def _load(self, tenant_id: str) -> None:
        self._settings[tenant_id] = await self._database.read(
            lambda connection: _settings_of(connection, tenant_id)
        )
        while len(self._settings) > TENANTS_IN_MEMORY_MAX:
            self._settings.popitem(last=False)

    async def _read_lines(
        self, tenant_id: str, identifiers: Collection[str]
    ) -> dict[str, KnownLines]:
        read = await self._database.read(
            lambda connection: lines_of(connection, tenant_id, identifiers)
        )
        self._lines.remember(tenant_id, read)
        return read


class _Lines:
    """A bounded number of lines, dropped when the database has something newer."""

    def __init__(self, lines_max: int) -> None:
        self._lines_max = lines_max
        self._known: OrderedDict[tuple[str, str], KnownLines] = OrderedDict()
        self._recent: Mapping[tuple[str, str], int] = {}

    def at_hand(self, tenant_id: str, identifiers: Collection[str]) -> dict[str, KnownLines]:
        """The lines with some identifiers; those that are not in memory are left out."""
        keys = [(tenant_id, each) for each in identifiers]
        for key in keys:
            if key in self._known:
                self._known.move_to_end(key)
        return {key[1]: self._known[key] for key in keys if key in self._known}

    def remember(self, tenant_id: str, read: Mapping[str, KnownLines]) -> None:
        """Keep what was read, but nothing old, and not that there is no such line."""
        for identifier, known in read.items():
            key = tenant_id, identifier
            if known.lines and self._recent.get(key, known.store_micros) == known.store_micros:
                self._known[key] = known
        while len(self._known) > self._lines_max:
            self._known.popitem(last=False)

    def heed(self, recent: Mapping[tuple[str, str], int]) -> None:
        """Drop what was read before its newest change."""
        if len(recent) >= CHANGES_PER_POLL_MAX:
            self._known.clear()
        self._recent = recent
        for key, store_micros in recent.items():
            if key in self._known and self._known[key].store_micros != store_micros:
                del self._known[key]


_STANDARD = TenantSettings(DEFAULT_POLICY, {}, 0)


def _news(connection: Connection, since: datetime) -> _News:
    return _News(
        tenant_changes_since(connection, since),
        lines_stored_since(connection, since, CHANGES_PER_POLL_MAX),
    )


def _settings_of(connection: Connection, tenant_id: str) -> TenantSettings:
    policies = policies_of(connection, tenant_id, [WHOLE_TENANT])
    changes = change_times(connection, tenant_id, [WHOLE_TENANT])
    return TenantSettings(
        policies.get(WHOLE_TENANT, DEFAULT_POLICY),
        equipment_tables(connection, tenant_id),
        changes.get(WHOLE_TENANT, 0),
    )

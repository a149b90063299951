"""A replica whose calls are answered by policy while payment or the database does not answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from sqlalchemy import create_engine, text

from chassis.database.engine import Database
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.offline import FundsUnavailableError
from services.rating.domain.charging.policy import DEFAULT_POLICY, ChargingPolicy, OutageRule
from services.rating.domain.charging.requests import (
    ChargedCall,
    CloseRequest,
    ExtendRequest,
    OpenRequest,
)
from services.rating.domain.charging.transfers import StepResult, TransferStep
from services.rating.store.charging_policies import StoredPolicy
from services.rating.store.offline_answers import list_offline_answers
from services.rating.store.spool import Spool
from services.rating.usecases.charging.charging import Charging
from services.rating.usecases.charging.manage_settings import set_charging_policy
from services.rating.usecases.charging.offline_records import OfflineRecords
from services.rating.usecases.charging.outage import Outages
from services.rating.usecases.charging.session_prices import SessionPrices
from tests.conformance.rating.charging_desk import ChargingDesk
from tests.conformance.rating.desk import Desk
from tests.unit.rating.live_calls import Purse

DEADLINE_SECONDS = 0.5
ALLOWANCE_SECONDS = 45
ALLOWING = replace(DEFAULT_POLICY, outage_rule=OutageRule.ALLOW, outage_seconds=ALLOWANCE_SECONDS)
DENIED = Verdict.REFUSED, Reason.FUNDS_UNAVAILABLE
ALLOWED = Verdict.GRANTED, Reason.OFFLINE_ALLOWANCE


class FailingFunds:
    """payment, which can be out of reach."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self.is_down = False

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What becomes of steps."""
        if self.is_down:
            raise FundsUnavailableError("payment does not answer")
        return self._purse.execute(steps)


class Replica:
    """A replica whose calls are answered by policy when nobody else answers."""

    def __init__(self, desk: Desk, funds: FailingFunds, spool: Spool) -> None:
        self.desk = desk
        self.plain = ChargingDesk(desk, funds)
        self.spool = spool
        self.records = OfflineRecords(desk.database, self.plain.saga, self.spool)
        outages = Outages(self.plain.settings, desk.memory, self.records)
        prices = SessionPrices(desk.memory, self.plain.settings)
        self._charging = Charging(self.plain.book, self.plain.saga, prices, outages)

    async def open(self, session_id: str, **changes: object) -> Answer:
        """Ask for a call."""
        request = OpenRequest(session_id, self.plain.call(**{"call_key": session_id, **changes}))
        return await self._charging.open(self.desk.tenant_id, request, DEADLINE_SECONDS)

    async def extend(self, session_id: str, sequence: int, used_seconds: int) -> Answer:
        """Ask for more."""
        request = ExtendRequest(session_id, sequence, used_seconds)
        return await self._charging.extend(self.desk.tenant_id, request, DEADLINE_SECONDS)

    async def close(self, session_id: str, seconds: int, call: ChargedCall | None = None) -> Answer:
        """Tell the end, with what its open would have told."""
        request = CloseRequest(session_id, seconds * 1_000, answered=True, call=call)
        return await self._charging.close(self.desk.tenant_id, request, DEADLINE_SECONDS)

    async def set_policy(self, policy: ChargingPolicy, account_id: str = "") -> StoredPolicy:
        """Give an account a policy, the desk's unless said otherwise, and have it in memory."""
        tenant_id, account_id = self.desk.tenant_id, account_id or self.desk.account_id
        stored = await self.desk.database.write(
            lambda uow: set_charging_policy(uow, tenant_id, account_id, policy)
        )
        await self.desk.memory.heed_publication(tenant_id)
        await self.desk.memory.basis(tenant_id, [account_id])
        await self.plain.settings.prepare(tenant_id)
        return stored

    async def recorded(self) -> list[tuple[str, int, Reason, int]]:
        """What the database knows of answers in outages, the oldest first."""
        found = await self.desk.database.read(
            lambda connection: list_offline_answers(
                connection, self.desk.tenant_id, self.desk.account_id, None, 100
            )
        )
        return [
            (each.session_id, each.sequence, each.reason, each.granted_seconds)
            for each in reversed(found)
        ]


@contextmanager
def hanging(database: Database) -> Iterator[None]:
    """Let the database answer nobody who writes."""
    engine = create_engine(database.url)
    with engine.connect() as connection:
        if database.dialect == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            tables = "charging_session, offline_answer"
            connection.execute(text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
        yield
        connection.rollback()
    engine.dispose()


def verdict(answer: Answer) -> tuple[Verdict, Reason]:
    """What was decided and why."""
    return answer.verdict, answer.reason

"""No more calls at once, and no more in a second, than an account, a line or a trunk may have."""

import asyncio
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import func, select

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import utc_now
from kernel.e164 import NumberKind
from services.rating.domain.charging.answer import Answer, Reason
from services.rating.domain.charging.limits import (
    CallLimit,
    CallToAdmit,
    LimitScope,
    ScopeKey,
)
from services.rating.store.call_limits import (
    StoredLimit,
    admit_calls,
    release_calls,
    set_limit,
)
from services.rating.store.charging_schema import counted_call
from services.rating.usecases.charging.keep_sessions import forget_old_sessions
from services.rating.usecases.charging.manage_settings import remove_call_limit
from tests.conformance.rating.charging_desk import ChargingDesk, PurseFunds, number
from tests.unit.rating.live_calls import Purse

_sessions = count()


async def limit(charging: ChargingDesk, scope: LimitScope, scope_id: str, **counts: Any) -> None:
    """Limit the calls of somebody."""
    key = ScopeKey(charging.desk.tenant_id, scope, scope_id)
    stored = StoredLimit(key, CallLimit(**counts), utc_now())
    await charging.desk.database.write(lambda uow: set_limit(uow.connection, stored))


async def begin(charging: ChargingDesk, **changes: Any) -> Answer:
    """Let a call begin."""
    return await charging.open(f"session {next(_sessions)}", charging.call(**changes))


async def test_an_account_has_no_more_calls_at_once_than_its_limit(charging: ChargingDesk) -> None:
    """One that has ended makes room; a repeated request is no other call."""
    await limit(charging, LimitScope.ACCOUNT, charging.desk.account_id, concurrent_calls_max=2)
    call = charging.call()
    first = await charging.open("first", call)
    assert await charging.open("first", call) == first
    assert (await begin(charging)).reason is Reason.NONE
    assert (await begin(charging)).reason is Reason.CALL_LIMIT_REACHED
    await charging.close("first", 10)
    assert (await begin(charging)).reason is Reason.NONE
    assert (await begin(charging)).reason is Reason.CALL_LIMIT_REACHED


async def test_a_call_that_is_refused_for_want_of_money_takes_no_ones_place(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Nor does one that expired."""
    account_id = charging.desk.account_id
    await limit(charging, LimitScope.ACCOUNT, account_id, concurrent_calls_max=1)
    purse.money[account_id] = 0
    assert (await begin(charging)).reason is Reason.INSUFFICIENT_FUNDS
    purse.money[account_id] = 10**6
    assert (await begin(charging)).reason is Reason.NONE
    assert (await begin(charging)).reason is Reason.CALL_LIMIT_REACHED
    await charging.end_due(datetime(2100, 1, 1, tzinfo=UTC))
    charging.now = None
    assert (await begin(charging)).reason is Reason.NONE


async def test_a_limit_of_all_trunks_holds_for_each_by_itself(charging: ChargingDesk) -> None:
    """One has a limit of its own; a call without a trunk has none."""
    await limit(charging, LimitScope.TRUNK, "", concurrent_calls_max=1)
    await limit(charging, LimitScope.TRUNK, "wide", concurrent_calls_max=2)
    reached = Reason.CALL_LIMIT_REACHED
    for trunk, reasons in {
        "one": [Reason.NONE, reached],
        "two": [Reason.NONE, reached],
        "wide": [Reason.NONE, Reason.NONE, reached],
        "": [Reason.NONE] * 3,
    }.items():
        assert [(await begin(charging, trunk=trunk)).reason for _ in reasons] == reasons


async def test_nothing_is_left_of_a_limit_that_was_removed(charging: ChargingDesk) -> None:
    """Of a call that goes on once it is over; the limit comes back and counts it meanwhile."""
    database, account_id = charging.desk.database, charging.desk.account_id
    key = ScopeKey(charging.desk.tenant_id, LimitScope.ACCOUNT, account_id)
    later = utc_now() + timedelta(seconds=2)

    async def counted() -> int:
        await forget_old_sessions(database, lambda: later)
        count = select(func.count()).select_from(counted_call)
        return await database.read(lambda connection: connection.execute(count).scalar_one())

    await limit(charging, LimitScope.ACCOUNT, account_id, concurrent_calls_max=2)
    await charging.open("over")
    await charging.open("on")
    await charging.close("over", 10)
    await database.write(lambda uow: remove_call_limit(uow, key))
    assert await counted() == 1
    await limit(charging, LimitScope.ACCOUNT, account_id, concurrent_calls_max=1)
    assert (await begin(charging)).reason is Reason.CALL_LIMIT_REACHED
    await charging.close("on", 10)
    assert await counted() == 0


async def test_an_emergency_call_passes_where_no_other_does(charging: ChargingDesk) -> None:
    """And takes no place of another."""
    await limit(charging, LimitScope.LINE, "100", concurrent_calls_max=0)
    emergency = number("112", NumberKind.EMERGENCY)
    assert (await begin(charging, line="100", callee=emergency)).reason is Reason.NONE
    assert (await begin(charging, line="100")).reason is Reason.CALL_LIMIT_REACHED


async def test_no_second_has_more_calls_than_the_limit(charging: ChargingDesk) -> None:
    """Calls that ended within it count too; with the next second others may begin."""
    await limit(charging, LimitScope.LINE, "100", calls_per_second_max=3)
    database, tenant_id = charging.desk.database, charging.desk.tenant_id

    def work(uow: UnitOfWork, name: str) -> Reason:
        [reason] = admit_calls(uow, [CallToAdmit(tenant_id, name, "ann", "100")])
        release_calls(uow, [(tenant_id, name)])
        return reason

    begun: list[datetime] = []
    for place in range(1_000):
        before = utc_now()
        if not await database.write(lambda uow, name=f"s{place}": work(uow, name)):  # type: ignore[misc]
            begun.append(before)
        if len(begun) == 7:
            break
        await asyncio.sleep(0.01)
    assert len(begun) == 7
    for fourth, first in zip(begun[3:], begun, strict=False):
        # Told by the clock before each, the later one may have waited a moment less.
        assert (fourth - first).total_seconds() > 0.9


async def test_two_replicas_let_no_call_too_many_begin(
    charging: ChargingDesk, purse: Purse
) -> None:
    """Sixty calls at once, by two replicas, through one trunk for seven and accounts for any."""
    await limit(charging, LimitScope.TRUNK, "carrier", concurrent_calls_max=7)
    await limit(charging, LimitScope.ACCOUNT, "", concurrent_calls_max=50)
    purse.money[charging.desk.account_id] = 10**9
    other = ChargingDesk(charging.desk, PurseFunds(purse))
    replicas = [charging, other]
    answers = await asyncio.gather(
        *(begin(replicas[place % 2], trunk="carrier") for place in range(60))
    )
    reasons = [answer.reason for answer in answers]
    assert reasons.count(Reason.NONE) == 7
    assert reasons.count(Reason.CALL_LIMIT_REACHED) == 53
    begun = [answer.session_id for answer in answers if not answer.reason]
    await asyncio.gather(*(other.close(session_id, 1) for session_id in begun))
    assert (await begin(charging, trunk="carrier")).reason is Reason.NONE

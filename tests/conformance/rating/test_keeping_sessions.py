"""What nobody asks for is done in the background, whatever one session may be."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import pytest

from kernel.clock import utc_now
from services.rating.domain.charging.session import SessionState
from services.rating.domain.charging.transfers import CaptureHold, StepResult, TransferStep
from tests.conformance.rating.charging_desk import ChargingDesk, Crash, CrashError, PurseFunds
from tests.conformance.rating.desk import Desk
from tests.unit.rating.live_calls import Purse

ONCE_THE_MONEY_IS_HELD = 3
STILL_SECONDS = 0.05


class OddFunds(PurseFunds):
    """payment, which answers about one hold what nobody understands."""

    odd_hold = ""

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What becomes of steps."""
        if any(step.hold_id == self.odd_hold for step in steps):
            raise ValueError(f"hold {self.odd_hold} ends in the year 292277")
        return await super().execute(tenant_id, steps)


class SlowFunds(OddFunds):
    """payment, which is asked for the end of a hold and takes its time."""

    def __init__(self, purse: Purse) -> None:
        super().__init__(purse)
        self.is_asked, self.may_answer = asyncio.Event(), asyncio.Event()

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What becomes of steps."""
        if any(isinstance(step, CaptureHold) for step in steps):
            self.is_asked.set()
            await self.may_answer.wait()
        return await super().execute(tenant_id, steps)


async def test_a_replica_that_ends_waits_for_captures_that_payment_was_asked_for(
    desk: Desk, purse: Purse
) -> None:
    """The end of the call was answered before; its money is paid before the process is gone."""
    funds = SlowFunds(purse)
    charging = ChargingDesk(desk, funds)
    finishing = asyncio.create_task(charging.saga.finish())
    await charging.open("s")
    await charging.close("s", 30_000)
    async with asyncio.timeout(10):
        await funds.is_asked.wait()
    finishing.cancel()
    ended, _ = await asyncio.wait([finishing], timeout=STILL_SECONDS)
    assert purse.held
    assert not ended
    funds.may_answer.set()
    with suppress(asyncio.CancelledError):
        await finishing
    assert not purse.held


async def test_a_capture_that_fails_does_not_keep_a_replica_from_its_end(
    desk: Desk, purse: Purse, caplog: pytest.LogCaptureFixture
) -> None:
    """One of two is answered by nonsense: it is in the log, and the other is paid."""
    funds = SlowFunds(purse)
    charging = ChargingDesk(desk, funds)
    finishing = asyncio.create_task(charging.saga.finish())
    for session_id in ("odd", "usual"):
        await charging.open(session_id)
    [level] = (await charging.session("odd")).levels
    funds.odd_hold = level.hold_id
    for session_id in ("odd", "usual"):
        await charging.close(session_id, 30_000)
    async with asyncio.timeout(10):
        await funds.is_asked.wait()
    finishing.cancel()
    funds.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    assert [*purse.held] == [level.hold_id]
    assert "holds are ended by the event" in caplog.text


async def test_a_session_that_cannot_be_ended_keeps_no_other_from_its_end(
    desk: Desk, purse: Purse, caplog: pytest.LogCaptureFixture
) -> None:
    """The replica dies amid two opens that nobody repeats; one of them it can never end."""
    funds = OddFunds(purse)
    charging = ChargingDesk(desk, funds)
    for session_id in ("odd", "usual"):
        charging.crash_at(Crash(ONCE_THE_MONEY_IS_HELD))
        with pytest.raises(CrashError):
            await charging.open(session_id)
    [level] = (await charging.session("odd")).levels
    funds.odd_hold = level.hold_id
    assert await charging.end_due(utc_now() + timedelta(seconds=11)) == 1
    assert (await charging.session("usual")).state is SessionState.REFUSED
    assert "session odd cannot be ended" in caplog.text

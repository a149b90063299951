"""What nobody asks for is done in the background, whatever one session may be."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from kernel.clock import utc_now
from services.rating.domain.charging.session import SessionState
from services.rating.domain.charging.transfers import StepResult, TransferStep
from tests.conformance.rating.charging_desk import ChargingDesk, Crash, CrashError, PurseFunds
from tests.conformance.rating.desk import Desk
from tests.unit.rating.live_calls import Purse

ONCE_THE_MONEY_IS_HELD = 3


class OddFunds(PurseFunds):
    """payment, which answers about one hold what nobody understands."""

    odd_hold = ""

    async def execute(self, tenant_id: str, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What becomes of steps."""
        if any(step.hold_id == self.odd_hold for step in steps):
            raise ValueError(f"hold {self.odd_hold} ends in the year 292277")
        return await super().execute(tenant_id, steps)


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

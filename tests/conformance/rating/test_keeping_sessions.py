"""What nobody asks for is done in the background, whatever one session may be."""

from datetime import timedelta
from typing import Any

from kernel.clock import utc_now
from kernel.errors import DomainError, ErrorKind
from services.rating.domain.charging.session import Session, SessionState
from services.rating.usecases.charging.keep_sessions import end_due
from tests.conformance.rating.charging_desk import ChargingDesk


async def test_a_session_that_cannot_be_ended_keeps_no_other_from_its_end(
    charging: ChargingDesk,
) -> None:
    """Its row has what no replica can do anything with."""
    for session_id in ("absurd", "silent"):
        await charging.open(session_id)
    charging.now = utc_now() + timedelta(days=1)

    class Keeping:
        async def end(self, session: Session) -> Any:
            if session.session_id == "absurd":
                raise DomainError(ErrorKind.INVALID_ARGUMENT, "TIME_OUT_OF_RANGE", "year 9999", {})
            await charging.saga.end(session)

    assert await end_due(charging.book, Keeping(), charging.time) == 1  # type: ignore[arg-type]
    assert (await charging.session("silent")).state is SessionState.EXPIRED

"""Switches: they ask, wait, ask again, go on too long, die; and their call records come one day."""

from __future__ import annotations

from typing import Any

from kernel.clock import to_micros
from kernel.e164 import DialledNumber, NumberKind
from kernel.errors import DomainError
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.requests import (
    ChargedCall,
    CloseRequest,
    ExtendRequest,
    OpenRequest,
)
from tests.support.simulation import rating
from tests.support.simulation.database import DatabaseUnreachableError
from tests.support.simulation.event_loop import pass_time
from tests.support.simulation.memory_sessions import CallRecord
from tests.support.simulation.network import UnreachableError
from tests.support.simulation.prices import CALLEE, CALLER, CUSTOMER
from tests.support.simulation.scenario import PlannedCall
from tests.support.simulation.world import BEGINNING, World

ANSWER_SECONDS_MAX = 2.0
CALL_KEY_KIND = 1


class Switch:
    """The switch of one call, and what it can say of the call afterwards."""

    def __init__(self, world: World, plan: PlannedCall) -> None:
        self.plan = plan
        self.session_id = f"call-{plan.number}"
        self.talked = 0
        """Seconds, once the call is over."""
        self.was_closed = False
        self.tried_to_close = False
        self.granted = 0
        self._world = world
        self._luck = world.luck(self.session_id)

    @property
    def recorded_seconds(self) -> int | None:
        """What the call record says; None where there is none."""
        if self.plan.record_after is None or self.plan.is_emergency:
            return None
        return max(0, self.talked + self.plan.record_differs) if self.talked else 0

    async def run(self) -> None:
        """The call from its setup to its end, its record included."""
        await pass_time(self.plan.at)
        if self.plan.record_after is not None and self.plan.record_after < 0:
            self._world.spawn("early record", self._early_record)
        is_alive = await self._call()
        if is_alive:
            await self._close()
        if self.plan.record_after is not None:
            await pass_time(max(0.0, self.plan.record_after))
            for _ in range(self.plan.record_copies):
                self._send_record()

    async def _early_record(self) -> None:
        """The record overtakes the end that the switch reports."""
        await pass_time(self.plan.rings + self.plan.talks)
        if self.talked:
            self._send_record()

    def _send_record(self) -> None:
        if (seconds := self.recorded_seconds) is not None:
            self._world.note("record", lambda: f"{self.session_id}: record of {seconds} s")
            record = CallRecord(self.call, seconds)
            self._world.later(self._luck.message_seconds(), rating.SERVICE, "record", record)

    async def _call(self) -> bool:
        """Let the call through as far as it may; whether the switch lives to report its end."""
        plan = self.plan
        if plan.opens:
            answer = await self._ask("open", self._open())
            if answer is None or answer.verdict is not Verdict.GRANTED:
                return answer is not None and plan.overruns > 0
            self.granted = answer.granted_seconds
        else:
            answer = Answer(self.session_id, 0, Verdict.GRANTED, granted_seconds=10**6)
        await pass_time(plan.rings)
        if not plan.talks:
            return plan.dies_after is None
        return await self._talk(answer)

    async def _talk(self, answer: Answer) -> bool:
        plan, used, sequence = self.plan, 0, 0
        granted, ends = answer.granted_seconds, int(plan.talks) + 1
        while True:
            ask_at = answer.ask_again_at_seconds or granted
            until = min(ends, granted if answer.verdict is not Verdict.GRANTED else ask_at)
            await pass_time(max(0, until - used))
            used = max(used, until)
            if plan.dies_after is not None and used >= plan.dies_after:
                self.talked = used
                self._world.note("died", lambda: f"{self.session_id}: its switch has died")
                return False
            if used >= ends or answer.verdict is not Verdict.GRANTED:
                break
            sequence += 1
            request = ExtendRequest(self.session_id, sequence, used, plan.requested_seconds)
            heard = await self._ask("extend", request)
            if heard is None or heard.verdict is not Verdict.GRANTED:
                # What was granted before is the end of it.
                hangs_up = heard is not None and heard.verdict is Verdict.HANG_UP
                granted = used if hangs_up else granted
                answer = Answer(self.session_id, sequence, Verdict.REFUSED)
            else:
                answer, granted = heard, heard.granted_seconds
                self.granted = granted
        self.talked = used + (int(plan.overruns) if used < ends else 0)
        return True

    async def _close(self) -> None:
        self.tried_to_close = True
        request = CloseRequest(
            self.session_id, self.talked * 1_000, answered=self.talked > 0, call=self.call
        )
        answer = await self._ask("close", request)
        self.was_closed = answer is not None and answer.verdict is Verdict.CLOSED

    async def _ask(self, method: str, request: Any) -> Answer | None:
        """Ask until there is an answer; None when the switch gives up."""
        for _ in range(self.plan.asks):
            try:
                answer: Answer = await self._world.network.ask(
                    rating.SERVICE, method, request, self._luck, ANSWER_SECONDS_MAX
                )
            except (UnreachableError, DatabaseUnreachableError):
                await pass_time(self.plan.stalls)
                continue
            except DomainError as error:
                self._world.note("error", lambda e=error: f"{self.session_id}: {method} {e}")  # type: ignore[misc]
                return None
            self._world.note(
                f"{method} {answer.verdict.name}",
                lambda a=answer: f"switch: {method} -> {a}",  # type: ignore[misc]
            )
            if answer.reason is not Reason.FUNDS_UNAVAILABLE:
                return answer
            await pass_time(self.plan.stalls)
        return None

    def _open(self) -> OpenRequest:
        return OpenRequest(self.session_id, self.call, self.plan.requested_seconds)

    @property
    def call(self) -> ChargedCall:
        """The call as every request and its record name it."""
        kind = NumberKind.EMERGENCY if self.plan.is_emergency else NumberKind.E164
        callee = DialledNumber("112" if self.plan.is_emergency else CALLEE, kind)
        return ChargedCall(
            CALL_KEY_KIND, self.session_id, "", CUSTOMER, "", CALLER, callee, "", "", "",
            to_micros(BEGINNING),
        )  # fmt: skip

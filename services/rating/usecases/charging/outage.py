"""Answers by the accounts' policies what payment or the database does not answer in time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import replace

from chassis.database.engine import DATABASE_ERRORS
from kernel.clock import Clock, to_micros, utc_now
from kernel.errors import DomainError, ErrorKind
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.offline import (
    CallInOutage,
    ChargingRequest,
    FundsUnavailableError,
    OfflineAnswer,
    after_answer,
    answer_in_outage,
    denial,
    is_emergency,
    remembered_for,
)
from services.rating.domain.charging.requests import ExtendRequest, OpenRequest
from services.rating.usecases.charging.charging_memory import ChargingMemory
from services.rating.usecases.charging.offline_records import OfflineRecords
from services.rating.usecases.quoting.pricing_memory import PricingMemory

# Of the caller's time, for the policy to answer and its answer to get to the disk.
RECORD_SECONDS = 0.06
# About 500 bytes each; of others an extend in an outage is answered by the tenant's policy.
CALLS_REMEMBERED_MAX = 100_000
# An outage is told of so often, however many calls there are.
WARNING_INTERVAL_SECONDS = 1.0

_logger = logging.getLogger(__name__)


class Outages:
    """Has what is not answered in time answered by policy, and kept for when the outage is over."""

    def __init__(
        self,
        settings: ChargingMemory,
        customers: PricingMemory,
        records: OfflineRecords,
        clock: Clock = utc_now,
    ) -> None:
        self._settings = settings
        self._customers = customers
        self._records = records
        self._clock = clock
        self._calls: OrderedDict[tuple[str, str], CallInOutage] = OrderedDict()
        self._warned = float("-inf")

    async def answered(
        self,
        tenant_id: str,
        request: ChargingRequest,
        deadline_seconds: float,
        work: Callable[[], Awaitable[Answer]],
    ) -> Answer:
        """What the work of a tenant answers in time, or else the policy of the account."""
        try:
            # Half of a time that is too short for both.
            async with asyncio.timeout(
                max(deadline_seconds - RECORD_SECONDS, deadline_seconds / 2)
            ):
                await self._records.stored(tenant_id, request.session_id)
                answer = await work()
        except (TimeoutError, FundsUnavailableError, *DATABASE_ERRORS) as error:
            self._warn(error)
            return await self._answer(tenant_id, request)
        self._remember_answered(tenant_id, request, answer)
        return answer

    async def _answer(self, tenant_id: str, request: ChargingRequest) -> Answer:
        """The policy's answer, once it is on disk."""
        call = self._call(tenant_id, request)
        answer = answer_in_outage(request, call)
        if answer is call.answer:
            return answer
        moment = to_micros(self._clock())
        offline = OfflineAnswer(tenant_id, call.account_id, request, answer, moment)
        is_denied = answer.verdict is not Verdict.CLOSED and not call.is_emergency
        instead = denial(request, call) if is_denied else None
        if not await self._records.keep(offline, RECORD_SECONDS, instead):
            if answer.verdict is Verdict.CLOSED:
                raise _not_taken_down(request.session_id)
            answer = instead or answer
        self._remember(tenant_id, request.session_id, after_answer(call, answer))
        return answer

    def _call(self, tenant_id: str, request: ChargingRequest) -> CallInOutage:
        """What is known of a call without asking anybody."""
        last = self._calls.get((tenant_id, request.session_id), CallInOutage())
        known = remembered_for(request, last)
        account_id = known.account_id or self._account_id(tenant_id, request)
        customer = self._customers.last_known(tenant_id, account_id) if account_id else None
        is_blocked = customer is not None and customer.block_reason is not None
        # A call that is going on was let in; one that begins is of an account that is known.
        is_unknown = customer is None and not isinstance(request, ExtendRequest)
        return replace(
            known,
            account_id=account_id,
            policy=self._settings.policy_of(tenant_id, customer),
            is_refused=is_blocked or is_unknown,
            is_emergency=known.is_emergency or is_emergency(request),
        )

    def _account_id(self, tenant_id: str, request: ChargingRequest) -> str:
        call = None if isinstance(request, ExtendRequest) else request.call
        found = call and self._settings.last_known_account_id_of(tenant_id, call)
        return found or ""

    def _remember_answered(self, tenant_id: str, request: ChargingRequest, answer: Answer) -> None:
        """Know whose a call is, and that it owes nothing to an outage any more."""
        key = tenant_id, request.session_id
        if answer.verdict is Verdict.CLOSED:
            self._calls.pop(key, None)
        elif answer.verdict is not Verdict.GRANTED or answer.reason is Reason.OFFLINE_ALLOWANCE:
            return
        elif isinstance(request, OpenRequest):
            account_id = self._account_id(tenant_id, request)
            self._remember(*key, CallInOutage(account_id, is_emergency=is_emergency(request)))
        elif key in self._calls:
            self._remember(*key, replace(self._calls[key], answer=None, allowed_seconds=None))

    def _remember(self, tenant_id: str, session_id: str, call: CallInOutage) -> None:
        self._calls[tenant_id, session_id] = call
        self._calls.move_to_end((tenant_id, session_id))
        while len(self._calls) > CALLS_REMEMBERED_MAX:
            self._calls.popitem(last=False)

    def _warn(self, error: BaseException) -> None:
        now = time.monotonic()
        if now - self._warned >= WARNING_INTERVAL_SECONDS:
            self._warned = now
            _logger.warning("calls are answered by policy: %r", error)


def _not_taken_down(session_id: str) -> DomainError:
    return DomainError(
        ErrorKind.UNAVAILABLE,
        Reason.FUNDS_UNAVAILABLE.value,
        f"the end of session {session_id!r} can neither be charged nor be kept for later; "
        "tell it again",
        {"session_id": session_id},
    )

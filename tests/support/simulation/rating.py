"""rating in a simulation: its real sessions, saga and facade, over rows in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from kernel.clock import MICROS_PER_SECOND, to_micros
from services.rating.domain.charging.answer import Answer, Reason, Verdict
from services.rating.domain.charging.authorising import Basis
from services.rating.domain.charging.offline import FundsUnavailableError, sequence_of
from services.rating.domain.charging.policy import ChargingPolicy
from services.rating.domain.charging.requests import ChargedCall
from services.rating.domain.charging.session import AnswerTerms, Session
from services.rating.usecases.charging.charging import Charging
from services.rating.usecases.charging.saga import Saga
from services.rating.usecases.charging.session_book import SessionBook
from tests.support.simulation import payment
from tests.support.simulation.charges import Paid
from tests.support.simulation.database import DatabaseUnreachableError, SimulatedDatabase
from tests.support.simulation.faults import Faults
from tests.support.simulation.memory_sessions import MemorySessions
from tests.support.simulation.message_funds import MessageFunds, capture_of
from tests.support.simulation.network import Handler, UnreachableError
from tests.support.simulation.prices import call_prices
from tests.support.simulation.recount import ViolationError
from tests.support.simulation.world import World

SERVICE = "rating"
REPLICAS = 2
DEADLINE_SECONDS = 1.0
EVENT_SECONDS_MAX = 2.0


class FixedPrices:
    """What the tenant's calls are charged by."""

    def __init__(self, rating: Rating) -> None:
        self._rating = rating
        tenant = rating.world.scenario.tenant
        self._policy = ChargingPolicy(
            validity_seconds=tenant.validity_seconds, grace_seconds=tenant.grace_seconds
        )

    def now_micros(self) -> int:
        """The time of day."""
        return to_micros(self._rating.world.now())

    async def located(self, tenant_id: str, call: ChargedCall) -> ChargedCall:
        """Every call says whose it is."""
        return call

    async def basis(self, tenant_id: str, call: ChargedCall) -> Basis:
        """The prices, unless the account is blocked."""
        terms = AnswerTerms(self._policy, self.now_micros())
        return Basis(
            Reason.ACCOUNT_BLOCKED if self._rating.is_blocked else self._rating.prices, terms
        )


class Denying:
    """Answers within the deadline; without payment or the database nothing is allowed."""

    async def answered(
        self, tenant_id: str, request: Any, deadline_seconds: float, work: Callable[[], Any]
    ) -> Answer:
        """What the work answers in time, or that nobody could."""
        try:
            async with asyncio.timeout(deadline_seconds):
                answer: Answer = await work()
        except (TimeoutError, FundsUnavailableError, DatabaseUnreachableError):
            return Answer(
                request.session_id, sequence_of(request), Verdict.REFUSED, Reason.FUNDS_UNAVAILABLE
            )
        return answer


class Rating:
    """The service: its database, its replicas, its event log."""

    def __init__(
        self,
        world: World,
        changed: Callable[[Session | None, Session], None],
        sessions: type[MemorySessions] = MemorySessions,
    ) -> None:
        """`changed` hears what became of sessions, once it is committed."""
        self.world = world
        self.prices = call_prices(world.scenario.tenant)
        self.is_blocked = False
        self.database: SimulatedDatabase = world.database(lambda transaction: None)
        self._heard = changed
        self._sessions = sessions
        self._log: list[Paid] = []
        self._is_relaying = False
        self._answers: dict[tuple[str, str, int], Answer] = {}
        for number in range(REPLICAS):
            name = f"{SERVICE}-{number}"
            world.serve(SERVICE, name, partial(self._begin, world.luck(name)))

    def _begin(self, faults: Faults) -> Handler:
        """A replica's memory."""
        sessions = self._sessions(self, faults)
        book = cast(SessionBook, sessions)
        funds, prices = cast(Any, MessageFunds(self.world, faults)), cast(Any, FixedPrices(self))
        saga = Saga(book, funds, prices)
        charging = Charging(book, saga, prices, cast(Any, Denying()))

        async def handle(method: str, request: Any) -> Any:
            match method:
                case "record":
                    return await sessions.record(payment.TENANT, request)
                case "end":
                    session = await sessions.find(payment.TENANT, request)
                    if session is not None and session.is_live:
                        await self._end(saga, session)
                    return None
                case _:
                    ask = getattr(charging, method)
                    answer = await ask(payment.TENANT, request, DEADLINE_SECONDS)
                    self._check_alike(method, request, answer)
                    return answer

        return handle

    def _check_alike(self, method: str, request: Any, answer: Answer) -> None:
        """Whoever repeats a request gets the first answer, as long as nothing newer happened."""
        if answer.reason is Reason.FUNDS_UNAVAILABLE:
            return
        key = method, request.session_id, getattr(request, "sequence", 0)
        first = self._answers.setdefault(key, answer)
        session: Session | None = self.database.look().get("session", request.session_id)
        is_newest = session is not None and session.is_live and session.sequence == key[2]
        if first != answer and (is_newest or method == "close"):
            self.world.violate(ViolationError(f"{key} was answered {first}, and now {answer}"))

    async def _end(self, saga: Saga, session: Session) -> None:
        """What the background does about a session that is due."""
        try:
            await saga.end(session)
        except FundsUnavailableError as error:
            raise UnreachableError from error
        if self._is_due(session.session_id):
            self._look_again(session)

    def _look_again(self, session: Session) -> None:
        wait = (session.expire_micros - to_micros(self.world.now())) / MICROS_PER_SECOND
        due = partial(self._is_due, session.session_id)
        self.world.later(max(0.0, wait), SERVICE, "end", session.session_id, due)

    def _is_due(self, session_id: str) -> bool:
        """Whether something is to be done about a session now; if later, it is looked at then."""
        session: Session = self.database.look().get("session", session_id)
        if session.is_live and session.expire_micros > to_micros(self.world.now()):
            self._look_again(session)
            return False
        return session.is_live

    # What the world hears, once it is committed.

    def changed(self, before: Session | None, after: Session) -> None:
        """A session has changed; whoever keeps sessions looks at it when its time is over."""
        self.world.note("session", lambda: f"rating: {_text(after)}")
        if before is None and after.is_live:
            self._look_again(after)
        self._heard(before, after)

    def published(self, paid: Paid) -> None:
        """A settlement is in the event log, and on its way to payment."""
        charge = paid.charge
        self.world.note(
            "settled",
            lambda: (
                f"rating: {charge.session_id} level {charge.level} revision {charge.revision} "
                f"for {charge.seconds} s: {charge.amount_delta_micros} more"
            ),
        )
        self._log.append(paid)
        if not self._is_relaying:
            self._is_relaying = True
            self.world.spawn("relay", partial(self._relay, self.world.luck("relay")))

    async def _relay(self, faults: Faults) -> None:
        """Bring events to payment in their order, each until it was applied."""
        while self._log:
            paid = self._log[0]
            request = (paid.position.sequence, capture_of(paid))
            try:
                await self.world.network.ask(
                    payment.SERVICE, "apply", request, faults, EVENT_SECONDS_MAX
                )
            except (UnreachableError, DatabaseUnreachableError):
                continue
            self._log.pop(0)
        self._is_relaying = False


def _text(session: Session) -> str:
    intent = session.intent
    wants = (
        f", wants {intent.wanted.seconds} s for {intent.wanted.amounts_micros}" if intent else ""
    )
    return (
        f"{session.session_id} {session.state.name}: {session.granted_seconds} s granted, "
        f"{session.used_seconds} used, sequence {session.sequence}{wants}"
    )

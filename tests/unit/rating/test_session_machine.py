"""Sessions on one balance and one bundle, their steps in any order, searched by hypothesis."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kernel.clock import to_micros
from kernel.e164 import DialledNumber, NumberKind
from services.payment.domain.funds.funds import Funds
from services.payment.domain.funds.funds_book import FundsBook, execute, expire_due
from services.payment.domain.ledger.account import Account, PaymentMode
from services.rating.domain.charging.answer import Verdict
from services.rating.domain.charging.authorising import Basis, extended, finished, opened
from services.rating.domain.charging.holds import releases_of, steps_back, steps_of
from services.rating.domain.charging.policy import DEFAULT_POLICY
from services.rating.domain.charging.requests import ChargedCall, ExtendRequest, OpenRequest
from services.rating.domain.charging.session import AnswerTerms, Session, closed, expired
from services.rating.domain.charging.transfers import (
    ChangeHold,
    Held,
    NotHeld,
    PlaceHold,
    StepResult,
    TransferStep,
)
from services.rating.domain.counters import CounterBook
from tests.support.simulation.message_funds import transfer_of
from tests.support.simulation.prices import CALLEE, CALLER, CUSTOMER, call_prices
from tests.support.simulation.recount import MoneyRecount
from tests.support.simulation.scenario import RATES, Tenant
from tests.support.simulation.schedule import charged_seconds
from tests.support.simulation.world import BEGINNING

TENANT = "aurora"
SESSIONS = st.integers(0, 2)
SECONDS = st.sampled_from((0, 1, 20, 60, 61))


class SessionMachine(RuleBasedStateMachine):
    """Each rule is one transaction or one message, so that all orders of them are tried."""

    @initialize(
        rate=st.sampled_from(RATES),
        minutes=st.sampled_from((0, 1, 3)),
        bundle=st.sampled_from((0, 0, 45)),
    )
    def begin(self, rate: Any, minutes: int, bundle: int) -> None:
        wallet = minutes * rate.micros_a_minute
        self.tenant = Tenant(wallet, 0, rate, bundle)
        self.prices = call_prices(self.tenant)
        account = Account(TENANT, CUSTOMER, "entity", CUSTOMER, "EUR", PaymentMode.PREPAID)
        self.payment = FundsBook([Funds(account, wallet)])
        self.recount = MoneyRecount({CUSTOMER: 0})
        self.recount.pay(CUSTOMER, wallet)
        self.counters = CounterBook()
        self.sessions: dict[int, Session] = {}
        self.results: dict[int, tuple[Session, list[StepResult]]] = {}
        self.free = 0
        self.now = BEGINNING

    @rule(number=SESSIONS, requested=SECONDS, goes_on=st.booleans())
    def open(self, number: int, requested: int, goes_on: bool) -> None:
        """A call wants to begin, or asks again."""
        request = OpenRequest(f"call-{number}", _call(number), requested)
        known = self.sessions.get(number)
        after = opened(known, TENANT, request, self._basis, self.counters)
        # Asking again changes nothing but how long an answer is waited for.
        assert known is None or after._replace(expire_micros=known.expire_micros) == known
        self.sessions[number] = after
        self._go_on(number, goes_on)

    @rule(number=SESSIONS, used=SECONDS, requested=SECONDS, goes_on=st.booleans())
    def extend(self, number: int, used: int, requested: int, goes_on: bool) -> None:
        """A call reports what it used, never more than it was granted, and wants to go on."""
        known = self.sessions.get(number)
        if known is None:
            return
        used = min(known.used_seconds + used, known.granted_seconds)
        request = ExtendRequest(known.session_id, known.sequence + 1, used, requested)
        after = extended(known, request, self._basis, self.counters)
        assert after.granted_seconds >= known.granted_seconds
        self.sessions[number] = after
        self._go_on(number, goes_on)

    @rule(number=SESSIONS)
    def ask_payment(self, number: int) -> None:
        """The steps of an intent reach payment; perhaps nobody hears what came of them."""
        session = self.sessions.get(number)
        if session is not None and session.is_live and session.intent is not None:
            results = self._execute(steps_of(session))
            self._execute(steps_back(session, results))
            self.results[number] = session, results

    @rule(number=SESSIONS)
    def finish(self, number: int) -> None:
        """What payment said reaches the session, late or in time, once or twice."""
        if number not in self.results:
            return
        asked, results = self.results[number]
        assert asked.intent is not None
        known = self.sessions[number]
        after = finished(known, asked.intent.sequence, results, self._basis, self.counters)
        if not after.is_live:
            self._execute(releases_of(asked, results))
        self.sessions[number] = after
        if after is not known and after.answer is not None:
            self._check_cover(after)

    @rule(number=SESSIONS, talked=SECONDS)
    def close(self, number: int, talked: int) -> None:
        """A call ends within its grant, is charged, and payment hears of it."""
        known = self.sessions.get(number)
        if known is None or not known.is_live:
            return
        seconds = min(known.used_seconds + talked, known.granted_seconds)
        self.counters.give_back(known.reserved)
        price = self.prices.of(known.pricing_begin_micros, self.counters)[0](seconds)
        amount = price.amount_micros if seconds else 0
        if seconds:
            self.counters.apply(price.counter_uses)
            self.free += sum(use.after.used - use.before.used for use in price.counter_uses)
        charge = number.to_bytes(16)
        self.sessions[number] = closed(known, charge, amount, self._basis.terms)
        self._capture(known, charge, amount)

    @rule(seconds=st.sampled_from((1, 100, 400)))
    def wait(self, seconds: int) -> None:
        """Time passes: holds end, and sessions of which nobody hears."""
        self.now += timedelta(seconds=seconds)
        for number, session in self.sessions.items():
            self.sessions[number] = expired(session, to_micros(self.now), self.counters)
        due = [each for each in self.payment.holds.values() if each.expire_time <= self.now]
        expire_due(self.payment, self.now)
        for hold in due:
            self.recount.end(hold.hold_id)

    @invariant()
    def units_are_used_or_reserved_once(self) -> None:
        """The bundle has given what calls have used and reserve, and no more than it had."""
        reserved = sum(_units(session) for session in self.sessions.values() if session.is_live)
        used = sum(state.used for state in self.counters.states().values())
        assert used == self.free + reserved <= self.tenant.bundle_seconds

    @invariant()
    def money_that_is_held_is_there(self) -> None:
        """Nothing is held or spent that was not paid in."""
        funds = self.payment.funds[CUSTOMER]
        assert funds.held_micros == self.recount.held_of(CUSTOMER)
        assert self.recount.free(CUSTOMER) + self.recount.unbacked[CUSTOMER] >= 0

    @property
    def _basis(self) -> Basis:
        return Basis(self.prices, AnswerTerms(DEFAULT_POLICY, to_micros(self.now)))

    def _go_on(self, number: int, goes_on: bool) -> None:
        """Take the next steps at once, as where nothing goes wrong."""
        if goes_on:
            self.ask_payment(number)
            self.finish(number)

    def _check_cover(self, session: Session) -> None:
        """A grant is worth no more than is held for it, as long as it is valid."""
        assert session.answer is not None
        if session.answer.verdict is not Verdict.GRANTED:
            return
        rate = self.tenant.rate
        paid = charged_seconds(rate, session.granted_seconds) - _units(session)
        worth = (rate.micros_a_minute * paid * 2 + 60) // 120
        hold_id = session.levels[0].hold_id
        assert self.recount.held.get(hold_id, ("", 0))[1] >= worth
        if worth:
            valid = timedelta(seconds=session.answer.valid_seconds)
            assert self.payment.holds[hold_id].expire_time >= self.now + valid

    def _execute(self, steps: list[TransferStep]) -> list[StepResult]:
        return [self._step(step) for step in steps]

    def _step(self, step: TransferStep) -> StepResult:
        result = execute(transfer_of(step), self.payment, self.now)
        is_repetition = self.recount.is_repetition(step.request_id, result)
        hold = result.hold
        if hold is None:
            assert result.error is not None
            return NotHeld(result.error.reason)
        if not is_repetition and isinstance(step, PlaceHold | ChangeHold):
            self.recount.hold(hold.hold_id, CUSTOMER, hold.held_micros)
        elif not is_repetition:
            self.recount.end(hold.hold_id)
        return Held(hold.held_micros, to_micros(hold.expire_time))

    def _capture(self, session: Session, charge: bytes, amount: int) -> None:
        """What the event would tell: payment posts it, whatever its hold has come to."""
        hold_id = session.levels[0].hold_id
        hold = self.payment.holds.get(hold_id)
        funds = self.payment.funds[CUSTOMER].debited(amount, self.now)[0]
        self.payment.funds[CUSTOMER] = funds
        if hold is not None:
            self.payment.keep(hold.captured(amount))
        self.recount.post(CUSTOMER, hold_id, charge, 1, amount)


def _units(session: Session) -> int:
    return sum(use.after.used - use.before.used for use in session.reserved)


def _call(number: int) -> ChargedCall:
    callee = DialledNumber(CALLEE, NumberKind.E164)
    start = to_micros(BEGINNING)
    return ChargedCall(1, f"key-{number}", "", CUSTOMER, "", CALLER, callee, "", "", "", start)


SessionMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestSessions = SessionMachine.TestCase

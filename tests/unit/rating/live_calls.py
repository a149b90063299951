"""Calls that are charged while they run, and purses that pay for them, as short as tests say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from kernel.clock import to_micros
from kernel.e164 import DialledNumber, NumberKind
from services.rating.domain.allowances.needed_counters import counter_keys
from services.rating.domain.charging.answer import Answer
from services.rating.domain.charging.authorising import Basis, extended, finished, opened
from services.rating.domain.charging.call_prices import CallPrices, PayingParty
from services.rating.domain.charging.holds import releases_of, steps_back, steps_of
from services.rating.domain.charging.policy import DEFAULT_POLICY, ChargingPolicy
from services.rating.domain.charging.requests import ChargedCall, ExtendRequest, OpenRequest
from services.rating.domain.charging.session import AnswerTerms, Session
from services.rating.domain.charging.transfers import (
    ChangeHold,
    Held,
    NotHeld,
    PlaceHold,
    StepResult,
    TransferStep,
)
from services.rating.domain.counters import CounterBook
from tests.unit.rating.calls import CALLER, NOON, NUMBER, Shop, call

TENANT = "acme"
FAR_MICROS = 2**62


def charged_call(**changes: Any) -> ChargedCall:
    """A call of the payer to the Netherlands, at noon."""
    fields = {
        "call_key_kind": 1,
        "call_key": "key",
        "leg": "a",
        "account_id": "payer",
        "line": "",
        "caller": CALLER,
        "callee": DialledNumber(NUMBER, NumberKind.E164),
        "trunk": "",
        "egress_trunk": "",
        "routing_number": "",
        "start_micros": to_micros(NOON),
    }
    return ChargedCall(**{**fields, **changes})


@dataclass
class Purse:
    """Money of accounts, as payment holds it: each step is executed once for its id."""

    money: dict[str, int]
    held: dict[str, tuple[str, int]] = field(default_factory=dict)
    ends_micros: int = FAR_MICROS
    """When its holds end."""
    _results: dict[str, StepResult] = field(default_factory=dict)

    def execute(self, steps: Sequence[TransferStep]) -> list[StepResult]:
        """What becomes of steps."""
        return [
            self._results.setdefault(step.request_id, self._execute(step))
            if step.request_id not in self._results
            else self._results[step.request_id]
            for step in steps
        ]

    def available(self, account_id: str) -> int:
        """What is left to be held."""
        held = sum(micros for owner, micros in self.held.values() if owner == account_id)
        return self.money[account_id] - held

    def _execute(self, step: TransferStep) -> StepResult:
        if isinstance(step, PlaceHold):
            return self._hold(step, step.account_id, 0)
        if step.hold_id not in self.held:
            return NotHeld("HOLD_ENDED")
        account_id, before = self.held[step.hold_id]
        if isinstance(step, ChangeHold):
            return self._hold(step, account_id, before)
        del self.held[step.hold_id]
        return Held(0, self.ends_micros)

    def _hold(self, step: PlaceHold | ChangeHold, account_id: str, before: int) -> StepResult:
        available = self.available(account_id) + before
        if step.amount_micros > available and step.minimum_micros > available:
            return NotHeld("INSUFFICIENT_FUNDS")
        micros = min(step.amount_micros, available)
        self.held[step.hold_id] = account_id, micros
        return Held(micros, self.ends_micros)


@dataclass
class LiveCall:
    """One session on its way through its requests, without anything between them."""

    shop: Shop
    purse: Purse
    policy: ChargingPolicy = DEFAULT_POLICY
    session_id: str = "session"
    now_micros: int = to_micros(NOON)
    session: Session | None = None

    @property
    def prices(self) -> CallPrices:
        """By the terms of the shop."""
        usage, customer = call(0), self.shop.customer
        keys = frozenset(counter_keys(usage, customer, self.shop.tariff))
        return CallPrices(
            (PayingParty(customer, usage),), self.shop.tariff, self.shop.tables.__getitem__, keys
        )

    @property
    def basis(self) -> Basis:
        """What requests are answered by."""
        return Basis(self.prices, AnswerTerms(self.policy, self.now_micros))

    @property
    def counters(self) -> CounterBook:
        """The counters of the shop."""
        return self.shop.book

    @property
    def answer(self) -> Answer:
        """The newest answer."""
        assert self.session is not None
        assert self.session.answer is not None
        return self.session.answer

    def open(self, requested_seconds: int = 0, **changes: Any) -> Answer:
        """Ask for a call."""
        request = OpenRequest(self.session_id, charged_call(**changes), requested_seconds)
        self.session = opened(self.session, TENANT, request, self.basis, self.counters)
        return self.finish()

    def extend(
        self,
        sequence: int,
        used_seconds: int,
        requested_seconds: int = 0,
        answer_micros: int | None = None,
    ) -> Answer:
        """Report what was used and ask for more."""
        assert self.session is not None
        request = ExtendRequest(
            self.session_id, sequence, used_seconds, requested_seconds, answer_micros
        )
        self.session = extended(self.session, request, self.basis, self.counters)
        return self.finish()

    def finish(self) -> Answer:
        """Take the steps of the intent."""
        session = self.session
        assert session is not None
        if session.intent is not None:
            results = self.purse.execute(steps_of(session))
            self.purse.execute(steps_back(session, results))
            sequence = session.intent.sequence
            self.session = finished(session, sequence, results, self.basis, self.counters)
            if not self.session.is_live:
                self.purse.execute(releases_of(session, results))
        return self.answer

    def price(self, seconds: int) -> int:
        """What so many seconds cost, as if nothing was taken of bundles for this call.

        While nobody has answered, the most that they can: four minutes of ringing may come first.
        """
        session = self.session
        assert session is not None
        self.counters.give_back(session.reserved)
        begins = [session.pricing_begin_micros]
        if session.begin_micros is None:
            begins.append(session.call.start_micros + 240 * 10**6)
        prices = [self.prices.of(begin, self.counters)[0](seconds) for begin in begins]
        self.counters.apply(session.reserved)
        return max(price.amount_micros for price in prices)

    def with_policy(self, **changes: int) -> LiveCall:
        """The same with another policy."""
        return replace(self, policy=replace(self.policy, **changes))  # type: ignore[arg-type]

"""Holds and captures in any order, searched by hypothesis beside a count of the plain facts."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from kernel.money import Money
from services.payment.domain.funds.funds import Funds, Policy
from services.payment.domain.funds.funds_book import FundsBook, execute, expire_due
from services.payment.domain.funds.transfers import (
    CaptureHold,
    ChangeHold,
    ChargeRevision,
    OverrunPolicy,
    PlaceHold,
    ReleaseHold,
    Result,
    Step,
    Transfer,
)
from services.payment.domain.ledger.account import Account, PaymentMode
from tests.support.simulation.recount import MoneyRecount

BEGINNING = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAYER = "payer"
AMOUNTS = st.integers(0, 60)


def _eur(micros: int) -> Money:
    return Money("EUR", micros)


class FundsMachine(RuleBasedStateMachine):
    """One account; every step goes to the real book and to the recount."""

    holds = Bundle("holds")

    @initialize(
        wallet=AMOUNTS,
        limit=st.sampled_from((0, 0, 10, 100)),
        cap=st.sampled_from((None, None, 30)),
    )
    def begin(self, wallet: int, limit: int, cap: int | None) -> None:
        account = Account("aurora", PAYER, "entity", PAYER, "EUR", PaymentMode.PREPAID)
        policy = Policy(limit, daily_cap_micros=cap)
        self.book = FundsBook([Funds(account, wallet, policy=policy)])
        self.cap = cap
        self.now = BEGINNING
        self.recount = MoneyRecount({PAYER: limit})
        self.recount.pay(PAYER, wallet)
        self.spent: dict[Any, int] = {}
        self.transfers: list[Transfer] = []

    @rule(target=holds, amount=AMOUNTS, least=st.integers(0, 100), seconds=st.integers(1, 90_000))
    def place(self, amount: int, least: int, seconds: int) -> Any:
        """A hold has all that was asked for, or all there is, or is refused."""
        minimum = min(least, amount)
        hold_id = str(UUID(int=len(self.transfers)))
        validity = timedelta(seconds=min(seconds, 86_400))
        expected = self._affordable(amount, minimum, 0)
        step = PlaceHold(hold_id, PAYER, _eur(amount), _eur(minimum), validity, "call")
        result = self._execute(step)
        assert (result.hold and result.hold.held_micros) == expected
        if result.hold is None:
            return multiple()
        self.recount.hold(hold_id, PAYER, result.hold.held_micros)
        return hold_id

    @rule(hold_id=holds, amount=AMOUNTS, least=st.integers(0, 100))
    def change(self, hold_id: str, amount: int, least: int) -> None:
        """A hold that is open can always have less, and more as far as there is more."""
        minimum = min(least, amount)
        is_open = hold_id in self.recount.held
        held = self.recount.held.get(hold_id, ("", 0))[1]
        expected = self._affordable(amount, minimum, held) if is_open else None
        step = ChangeHold(hold_id, _eur(amount), _eur(minimum), timedelta(seconds=60))
        result = self._execute(step)
        assert (result.hold and result.hold.held_micros) == expected
        if result.hold is not None:
            self.recount.hold(hold_id, PAYER, result.hold.held_micros)

    @rule(
        hold_id=holds,
        number=st.integers(0, 3),
        revision=st.integers(1, 2),
        amount=st.integers(-20, 60),
        overrun=st.sampled_from(OverrunPolicy),
    )
    def capture(
        self, hold_id: str, number: int, revision: int, amount: int, overrun: OverrunPolicy
    ) -> None:
        """A revision is posted once, whatever its hold has come to."""
        charge = ChargeRevision(bytes([number] * 16), revision)
        is_new = tuple(charge) not in self.recount.revisions
        held = self.recount.held.get(hold_id, ("", 0))[1]
        may_take = overrun is OverrunPolicy.POST_ALL or amount <= held
        result = self._execute(CaptureHold(hold_id, charge, _eur(amount), overrun, None))
        assert (result.hold is not None) == (may_take or not is_new)
        if is_new and may_take:
            self.recount.post(PAYER, hold_id, *charge, amount)
            day = self.now.date()
            self.spent[day] = self.spent.get(day, 0) + amount

    @rule(hold_id=holds)
    def release(self, hold_id: str) -> None:
        """What is given back is free again."""
        self._execute(ReleaseHold(hold_id))
        self.recount.end(hold_id)

    @rule(amount=st.integers(1, 60))
    def pay(self, amount: int) -> None:
        """Money comes in."""
        funds = self.book.funds[PAYER]
        self.book.funds[PAYER] = funds._replace(balance_micros=funds.balance_micros + amount)
        self.recount.pay(PAYER, amount)

    @rule(seconds=st.sampled_from((1, 59, 61, 86_400)))
    def wait(self, seconds: int) -> None:
        """Holds that nobody ended in time end by themselves."""
        self.now += timedelta(seconds=seconds)
        due = [each for each in self.book.holds.values() if each.expire_time <= self.now]
        expire_due(self.book, self.now)
        for hold in due:
            self.recount.end(hold.hold_id)

    @precondition(lambda self: self.transfers)
    @rule(data=st.data())
    def repeat(self, data: st.DataObject) -> None:
        """A repeated step changes nothing and gets the first answer; an altered one is refused."""
        transfer = data.draw(st.sampled_from(self.transfers))
        before = dict(self.book.funds)
        first = self.book.results[transfer.request_id].result
        assert execute(transfer, self.book, self.now) == first
        altered = Transfer(transfer.request_id, b"altered", transfer.actor, transfer.step)
        refusal = execute(altered, self.book, self.now).error
        assert refusal is not None
        assert refusal.reason == "REQUEST_ID_REUSED"
        assert self.book.funds == before

    @rule()
    def commit(self) -> None:
        """The next step finds what the last transaction stored."""
        book = self.book
        self.book = FundsBook(book.funds.values(), book.holds.values(), book.captured, book.results)

    @invariant()
    def money_is_where_the_facts_put_it(self) -> None:
        """Balance and held sum follow from what came in, was posted, and is set aside."""
        funds = self.book.funds[PAYER]
        assert funds.balance_micros == self.recount.balance(PAYER)
        assert funds.held_micros == self.recount.held_of(PAYER)
        assert self.recount.free(PAYER) >= -self.recount.unbacked[PAYER]

    def _affordable(self, amount: int, minimum: int, held: int) -> int | None:
        """What a hold must get, by the facts; None: it is refused."""
        room = self.recount.free(PAYER)
        if self.cap is not None:
            spent = self.spent.get(self.now.date(), 0)
            room = min(room, self.cap - spent - self.recount.held_of(PAYER))
        most = held + max(room, 0)
        if amount <= max(held, most):
            return amount
        return most if minimum <= most else None

    def _execute(self, step: Step) -> Result:
        request_id = f"step-{len(self.transfers)}"
        transfer = Transfer(request_id, repr(step).encode(), "rating", step)
        self.transfers.append(transfer)
        return execute(transfer, self.book, self.now)


FundsMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestFunds = FundsMachine.TestCase

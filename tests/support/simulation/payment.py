"""payment in a simulation: its real funds code, over rows in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from chassis.group_commit import GroupCommit
from kernel.money import Money
from services.payment.domain.funds.funds import Funds, Policy
from services.payment.domain.funds.funds_book import (
    Capture,
    FundsBook,
    capture_rated,
    execute,
    expire_due,
)
from services.payment.domain.funds.promotion import Promotion, expiring
from services.payment.domain.funds.spending import after_debit
from services.payment.domain.funds.transfers import (
    CaptureHold,
    ChangeHold,
    Executed,
    PlaceHold,
    ReleaseHold,
    Result,
    Transfer,
)
from services.payment.domain.ledger.account import Account, PaymentMode
from tests.support.simulation.database import Transaction
from tests.support.simulation.faults import Faults
from tests.support.simulation.network import Handler
from tests.support.simulation.recount import MoneyRecount, ViolationError
from tests.support.simulation.scenario import Tenant
from tests.support.simulation.world import World

SERVICE = "payment"
REPLICAS = 2
TENANT = "aurora"
CURRENCY = "EUR"
BATCH_MAX = 1_000
# The sweep looks once a second; a hold may be there so much longer than it is valid.
SWEEP_SECONDS = 1.0
PROMOTION_SWEEPS_SECONDS = (0.5, 60.0, 600.0)


class Payment:
    """The service: its database, its replicas, and the recount of what it says and does."""

    def __init__(self, world: World, accounts: Mapping[str, tuple[int, Policy]]) -> None:
        """`accounts` has the wallet of each, and how much it may spend."""
        self.world = world
        policies = {name: policy for name, (_, policy) in accounts.items()}
        self.recount = MoneyRecount(
            {name: policy.credit_limit_micros or 0 for name, policy in policies.items()},
            {name: cap for name, policy in policies.items() if (cap := policy.daily_cap_micros)},
        )
        self.database = world.database(self._check)
        for name, (wallet, policy) in accounts.items():
            self.database.commit(partial(self._open_account, name, policy))
            self.database.commit(partial(self._pay, name, wallet))
        if world.scenario.tenant.promotion_micros:
            self._promote(next(iter(accounts)), world.scenario.tenant)
        for number in range(REPLICAS):
            name = f"{SERVICE}-{number}"
            world.serve(SERVICE, name, partial(self._begin, world.luck(name)))

    def _begin(self, faults: Faults) -> Handler:
        """A replica's memory: the batch that is gathering."""

        async def work(batch: Sequence[Transfer]) -> Sequence[Result]:
            return await self.database.write(faults, partial(self._execute_all, batch))

        together = GroupCommit(work, BATCH_MAX)

        async def handle(method: str, request: Any) -> Any:
            match method:
                case "execute":
                    return await asyncio.gather(*map(together.do, request))
                case "expire":
                    return await self.database.write(faults, partial(self._expire, request))
                case "take back":
                    return await self.database.write(faults, partial(self._take_back, request))
                case "pay":
                    return await self.database.write(faults, partial(self._pay_once, *request))
                case _:
                    return await self.database.write(faults, partial(self._apply, *request))

        return handle

    # What one transaction does.

    def _execute_all(self, batch: Sequence[Transfer], transaction: Transaction) -> list[Result]:
        now = self.world.now()
        book = self._book(transaction, batch)
        results = []
        for transfer in batch:
            captured = len(book.captures)
            result = execute(transfer, book, now)
            results.append(result)
            posted = book.captures[captured:]
            transaction.facts.append(partial(self._executed, transfer, result, posted))
        self._store(transaction, book)
        return results

    def _expire(self, hold_id: str, transaction: Transaction) -> None:
        hold = transaction.get("hold", hold_id)
        book = FundsBook([transaction.get("funds", hold.account_id)], [hold])
        expire_due(book, self.world.now())
        if changed := book.changed_holds():
            transaction.facts.append(partial(self._expired, changed[0].hold_id))
        self._store(transaction, book)

    def _apply(self, sequence: int, capture: Capture, transaction: Transaction) -> None:
        """A row of CallsRated, once, as the consumer does."""
        if transaction.get("inbox", sequence) is not None:
            return
        transaction.put("inbox", sequence, row=True)
        hold = transaction.get("hold", capture.hold_id)
        book = FundsBook(
            [transaction.get("funds", capture.account_id)],
            [hold] if hold else [],
            [capture.charge] if transaction.get("captured", capture.charge) else [],
        )
        capture_rated(capture, book, self.world.now())
        transaction.facts.extend(partial(self._posted, each) for each in book.captures)
        self._store(transaction, book)

    def _pay_once(
        self, request_id: str, account_id: str, micros: int, transaction: Transaction
    ) -> None:
        if transaction.get("paid", request_id) is None:
            transaction.put("paid", request_id, row=True)
            self._pay(account_id, micros, transaction)

    def _pay(self, account_id: str, micros: int, transaction: Transaction) -> None:
        """A payment; or a refund of what is available."""
        funds: Funds = transaction.get("funds", account_id)
        if micros < 0:
            available = funds.available_micros(self.world.now())
            micros = -min(-micros, max(0, available or 0), max(0, funds.balance_micros))
        row = funds._replace(balance_micros=funds.balance_micros + micros)
        transaction.put("funds", account_id, row=row)
        transaction.facts.append(partial(self._paid, account_id, micros))

    def _promote(self, account_id: str, tenant: Tenant) -> None:
        """Give promotional credit that expires."""
        until = self.world.now() + timedelta(seconds=tenant.promotion_seconds)
        amount = Money(CURRENCY, tenant.promotion_micros)
        promotion = Promotion(
            TENANT, "promotion", account_id, amount, amount, self.world.now(), until
        )

        def give(transaction: Transaction) -> None:
            funds: Funds = transaction.get("funds", account_id)
            balance = funds.balance_micros + amount.micros
            row = funds._replace(balance_micros=balance, promotions=(promotion,))
            transaction.put("funds", account_id, row=row)
            transaction.facts.append(partial(self.recount.promote, account_id, amount.micros))

        self.database.commit(give)
        expire = partial(self.recount.expire_promotion, account_id)
        self.world.loop.call_later(tenant.promotion_seconds, expire)
        for more in PROMOTION_SWEEPS_SECONDS:
            seconds = tenant.promotion_seconds + more
            self.world.later(seconds, SERVICE, "take back", account_id)

    def _take_back(self, account_id: str, transaction: Transaction) -> None:
        """What is left of expired credit, as far as no hold relies on it."""
        funds: Funds = transaction.get("funds", account_id)
        spare, now = funds.spare_micros(), self.world.now()
        taken = expiring(funds.promotions, funds.held_micros, spare, now)
        if not taken:
            return
        micros = sum(each.micros for each in taken.values())
        paid = {promotion_id: each.micros for promotion_id, each in taken.items()}
        row = funds._replace(
            balance_micros=funds.balance_micros - micros,
            promotions=after_debit(funds.promotions, paid),
        )
        transaction.put("funds", account_id, row=row)
        transaction.facts.append(partial(self.recount.take_back, account_id, micros))

    def _open_account(self, name: str, policy: Policy, transaction: Transaction) -> None:
        account = Account(TENANT, name, "entity", name, CURRENCY, PaymentMode.PREPAID)
        transaction.insert("funds", name, row=Funds(account, 0, policy=policy))

    # Rows to a book and back.

    def _book(self, transaction: Transaction, batch: Sequence[Transfer]) -> FundsBook:
        steps = [each.step for each in batch]
        held = {each.hold_id: transaction.get("hold", each.hold_id) for each in steps}
        holds = [hold for hold in held.values() if hold]
        names = {hold.account_id for hold in holds}
        names |= {each.account_id for each in steps if isinstance(each, PlaceHold)}
        funds = [row for name in sorted(names) if (row := transaction.get("funds", name))]
        charges = [each.charge for each in steps if isinstance(each, CaptureHold)]
        captured = [charge for charge in charges if transaction.get("captured", charge)]
        known = {each.request_id: transaction.get("result", each.request_id) for each in batch}
        results = {request_id: row for request_id, row in known.items() if row}
        return FundsBook(funds, holds, captured, results)

    def _store(self, transaction: Transaction, book: FundsBook) -> None:
        for funds in book.changed_funds():
            transaction.put("funds", funds.account.account_id, row=funds)
        for hold in book.new_holds():
            transaction.insert("hold", hold.hold_id, row=hold)
        for hold in book.changed_holds():
            transaction.put("hold", hold.hold_id, row=hold)
        for capture in book.captures:
            self.note_capture(transaction, capture)
        for request_id, executed in book.executed.items():
            self.note_result(transaction, request_id, executed)
        for hold in (*book.new_holds(), *book.changed_holds()):
            if hold.is_open:
                wait = (hold.expire_time - self.world.now()).total_seconds() + SWEEP_SECONDS
                sweep = (wait, SERVICE, "expire", hold.hold_id, partial(self._is_due, hold.hold_id))
                transaction.facts.append(partial(self.world.later, *sweep))

    @staticmethod
    def note_capture(transaction: Transaction, capture: Capture) -> None:
        """The key by which a second capture of the same revision is known."""
        transaction.insert("captured", capture.charge, row=True)

    @staticmethod
    def note_result(transaction: Transaction, request_id: str, executed: Executed) -> None:
        """The answer that a repetition gets."""
        transaction.insert("result", request_id, row=executed)

    def _is_due(self, hold_id: str) -> bool:
        hold = self.database.look().get("hold", hold_id)
        return bool(hold.is_open and hold.expire_time <= self.world.now())

    # What the recount hears, once it is committed.

    def _executed(self, transfer: Transfer, result: Result, posted: Sequence[Capture]) -> None:
        step, hold = transfer.step, result.hold
        self.world.note("step", lambda: f"payment: {_text(step)} -> {_outcome(result)}")
        is_repetition = self.recount.is_repetition(transfer.request_id, result)
        if is_repetition and posted:
            raise ViolationError(f"the repetition of {transfer.request_id} posted {posted}")
        for capture in posted:
            self._posted(capture)
        if is_repetition:
            return
        if isinstance(step, PlaceHold):
            self.recount.ask(step.hold_id, step.reference)
        if hold is None:
            self.recount.refuse(step.hold_id)
        elif isinstance(step, PlaceHold | ChangeHold):
            self.recount.hold(hold.hold_id, hold.account_id, hold.held_micros)
        elif isinstance(step, ReleaseHold):
            self.recount.release(hold.hold_id)

    def _posted(self, capture: Capture) -> None:
        self.world.note("posted", lambda: f"payment: posts {capture}")
        charge, revision = capture.charge
        self.recount.post(
            capture.account_id, capture.hold_id, charge, revision, capture.amount.micros
        )

    def _expired(self, hold_id: str) -> None:
        self.world.note("expired", lambda: f"payment: {hold_id} expires")
        self.recount.end(hold_id)

    def _paid(self, account_id: str, micros: int) -> None:
        self.world.note("paid", lambda: f"payment: {account_id} pays {micros}")
        self.recount.pay(account_id, micros)

    def _check(self, transaction: Transaction) -> None:
        """What is stored is what follows from the facts."""
        recount = self.recount
        for (table, key), row in transaction.changes.items():
            if table == "funds":
                _require_equal(f"{key} balance", row.balance_micros, recount.balance(key[0]))
                _require_equal(f"{key} held", row.held_micros, recount.held_of(key[0]))
            elif table == "hold":
                told = recount.held.get(key[0], ("", 0))[1]
                _require_equal(f"{key} held", row.held_micros, told)


def _require_equal(what: str, stored: int, counted: int) -> None:
    if stored != counted:
        raise ViolationError(f"{what}: {stored} stored, {counted} counted anew")


def _text(step: Any) -> str:
    amount = getattr(step, "amount", None)
    return f"{type(step).__name__} {step.hold_id[:8]} {amount.micros if amount else ''}"


def _outcome(result: Result) -> str:
    if result.hold is None:
        return str(result.error.reason if result.error else None)
    return f"{result.hold.state.name} with {result.hold.held_micros}"

"""Whatever is adjusted in whatever order, the books keep their promises, to the last root."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kernel.clock import utc_now
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.payment.domain.adjustments.adjustment import ExchangeRate, Order
from services.payment.domain.ledger.account import Account, PaymentMode
from services.payment.usecases.adjustments.correct_entry import correct_entry
from services.payment.usecases.adjustments.expire_promotions import expire_promotions
from services.payment.usecases.adjustments.grant_promotion import grant_promotion
from services.payment.usecases.adjustments.move_money import (
    exchange_money,
    refund_money,
    transfer_money,
)
from tests.conformance.payment.adjusting import available, order
from tests.conformance.payment.books import Books, accounts_of_partition
from tests.conformance.payment.exports import draw_root, export
from tools.check_ledger import check

RATES = {"EUR": "27000.5", "VND": "0.000037"}

amounts = st.integers(1, 10**7)
places = st.integers(0, 3)
kinds = st.sampled_from(["pay", "use", "move", "refund", "grant", "correct", "expire", "root"])
steps = st.tuples(kinds, places, places, amounts)
Step = tuple[str, int, int, int]


@dataclass
class Bank:
    """Four wallets of a tenant in two partitions and two currencies."""

    books: Books
    tenant_id: str
    payers: list[Account]
    entry_ids: list[object] = field(default_factory=list)
    now: datetime = field(default_factory=utc_now)

    def take(self, step: Step) -> None:
        """Do a step; what is refused changes nothing."""
        kind, first, second, micros = step
        with suppress(DomainError):
            getattr(self, kind)(self.payers[first], self.payers[second], micros)

    def pay(self, payer: Account, _other: Account, micros: int) -> None:
        self.books.pay(payer, micros)

    def use(self, payer: Account, _other: Account, micros: int) -> None:
        self.books.use((payer, micros // 10))

    def move(self, giver: Account, taker: Account, micros: int) -> None:
        wanted = self._order(giver, micros, taker)
        if giver.currency == taker.currency:
            done = self.books.write(lambda uow: transfer_money(uow, self.tenant_id, wanted))
        else:
            rate = ExchangeRate(RATES[giver.currency], is_inverse=False, source="ECB")
            done = self.books.write(lambda uow: exchange_money(uow, self.tenant_id, wanted, rate))
        self.entry_ids += done.journal_entry_ids

    def refund(self, payer: Account, _other: Account, micros: int) -> None:
        wanted = self._order(payer, micros)
        done = self.books.write(lambda uow: refund_money(uow, self.tenant_id, wanted))
        self.entry_ids += done.journal_entry_ids

    def grant(self, payer: Account, _other: Account, micros: int) -> None:
        wanted, expires = self._order(payer, micros), self.now + timedelta(seconds=1 + micros % 5)
        self.books.write(lambda uow: grant_promotion(uow, self.tenant_id, wanted, expires))

    def correct(self, _payer: Account, _other: Account, micros: int) -> None:
        if self.entry_ids:
            entry_id = str(self.entry_ids[micros % len(self.entry_ids)])
            wanted = (self.tenant_id, entry_id, "typo", "bob")
            self.books.write(lambda uow: correct_entry(uow, *wanted))

    def expire(self, _payer: Account, _other: Account, micros: int) -> None:
        later = self.now + timedelta(seconds=micros % 5)
        asyncio.run(expire_promotions(self.books.database, later))

    def root(self, _payer: Account, _other: Account, _micros: int) -> None:
        draw_root(self.books, utc_now())

    def _order(self, giver: Account, micros: int, taker: Account | None = None) -> Order:
        return order(giver, micros, taker)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(steps, max_size=14))
def test_every_promise_holds_after_any_adjustments(books: Books, sequence: list[Step]) -> None:
    """Nothing overdrawn, nothing from nothing; chains, roots and an export of them hold."""
    tenant_id = f"t-{new_uuid()}"
    details = {"tenant_id": tenant_id, "mode": PaymentMode.PREPAID}
    payers = [
        *accounts_of_partition(1, 2, **details),
        *accounts_of_partition(2, 1, **details),
        *accounts_of_partition(2, 1, currency="VND", **details),
    ]
    for payer in payers:
        books.announce(payer)
    bank = Bank(books, tenant_id, payers)
    for step in [("pay", place, 0, 10**7) for place in range(4)] + sequence:
        bank.take(step)
    audit = books.audit()
    assert (audit.findings, audit.unbalanced_count) == ([], 0)
    draw_root(books, utc_now())
    ledger = check(export(books, tenant_id))
    assert ledger.entry_count >= 4
    for payer in payers:
        left = available(books, payer, utc_now())
        used = sum(step[3] // 10 for step in sequence if step[0] == "use")
        assert left is not None
        assert left >= -used

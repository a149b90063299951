"""Usage of an account that has had promotional credit: charge by charge, so that it can go back.

Usage of other accounts is summed. Where credit may have paid, it is kept what it paid of each
charge, and what a correction gives back goes to whom it came from.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple, Self

from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.spending import (
    ChargePayment,
    after_debit,
    after_return,
    split_debit,
    split_return,
)
from services.payment.domain.funds.transfers import ChargeRevision

# What a promotion pays; what it gets back is negative.
Share = tuple[Promotion, int]


class ChargeChange(NamedTuple):
    """What a revision adds to a charge; what it gives back of it is negative."""

    charge: ChargeRevision
    before_micros: int
    """What the charge came to before."""
    micros: int


class PromotedUsage:
    """Which part of some usage of one account its promotional credit pays, or gets back."""

    def __init__(
        self,
        promotions: Iterable[Promotion],
        paid: Mapping[bytes, Iterable[Share]],
        now: datetime,
    ) -> None:
        """`paid` is what credit has paid of charges of which something is given back."""
        self._promotions = tuple(promotions)
        self._paid = {key: ChargePayment().plus(0, shares) for key, shares in paid.items()}
        self._now = now
        self.payments: list[tuple[ChargeRevision, Promotion, int]] = []
        self.expired_micros = 0
        """What goes back to the expense of credit that has expired; part of `payments`."""

    @property
    def promotion_micros(self) -> int:
        """What promotional credit pays of it all, less what goes back to its expense."""
        return sum(micros for *_, micros in self.payments) + self.expired_micros

    @property
    def spent_by_id(self) -> dict[str, int]:
        """By its id, what each promotion has less now; what has expired gets nothing back."""
        spent: dict[str, int] = defaultdict(int)
        for _, promotion, micros in self.payments:
            if micros > 0 or not promotion.has_expired(self._now):
                spent[promotion.promotion_id] += micros
        return spent

    def with_all(self, changes: Iterable[ChargeChange]) -> Self:
        """This usage with changes of charges, one after the other."""
        for change in changes:
            charge_id = change.charge.charge_id
            before = self._paid.get(charge_id, ChargePayment())
            shares = self._shares(change, before)
            self._paid[charge_id] = before.plus(0, shares)
            self.payments += [(change.charge, promotion, micros) for promotion, micros in shares]
        return self

    def _shares(self, change: ChargeChange, before: ChargePayment) -> list[Share]:
        if change.micros >= 0:
            return self._debited(change.micros)
        # What credit has not paid was the account's own.
        own_micros = change.before_micros - before.promotion_micros
        return self._given_back(-change.micros, before.plus(own_micros, ()))

    def _debited(self, micros: int) -> list[Share]:
        paid = split_debit(micros, self._promotions)
        by_id = {each.promotion_id: each for each in self._promotions}
        self._promotions = after_debit(self._promotions, paid)
        return [(by_id[promotion_id], share) for promotion_id, share in paid.items()]

    def _given_back(self, micros: int, paid: ChargePayment) -> list[Share]:
        given = split_return(micros, paid, self._now)
        self._promotions = after_return(self._promotions, given, self._now)
        self.expired_micros += given.expired_micros
        return [(promotion, -share) for promotion, share in given.promotions]

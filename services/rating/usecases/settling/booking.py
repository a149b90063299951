"""Finding the billing period of each settlement, against the seals of its payer."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros, to_micros
from services.rating.domain.account import Account
from services.rating.domain.charges.billing_period import book
from services.rating.store.accounts import Lock, hold_accounts


class Booked(NamedTuple):
    """A billing period; times in microseconds, None while there is no amount to book."""

    start: int | None
    end: int | None
    correction: int


NOT_BOOKED = Booked(None, None, 0)
_NOWHEN = 0, 0, NOT_BOOKED


class Bookings:
    """The accounts of a transaction, none of whose periods can be sealed before it ends."""

    def __init__(self, uow: UnitOfWork, tenant_id: str) -> None:
        self.accounts: dict[str, Account] = {}
        self.change_micros: dict[str, int | None] = {}
        self._uow = uow
        self._tenant_id = tenant_id
        self._sealed: dict[str, datetime | None] = {}
        self._last: dict[str, tuple[int, int, Booked]] = {}

    def hold(self, account_ids: Collection[str], lock: Lock = Lock.SHARE) -> None:
        """Read accounts and keep their periods as they are until the transaction ends."""
        missing = set(account_ids) - self.accounts.keys()
        if not missing:
            return
        # The seal takes the same lock alone: it counts all of this transaction or nothing of it.
        held = hold_accounts(self._uow.connection, self._tenant_id, missing, lock)
        for account_id, (account, sealed_until, change_micros) in held.items():
            self.accounts[account_id] = account
            self.change_micros[account_id] = change_micros
            self._sealed[account_id] = sealed_until

    def book(self, payer_id: str, start_micros: int) -> Booked:
        """The period of what a payer, held before, is charged for at an instant."""
        start, end, booked = self._last.get(payer_id, _NOWHEN)
        if start <= start_micros < end:
            return booked
        sealed = self._sealed.get(payer_id)
        booking = book(self.accounts[payer_id], from_micros(start_micros), sealed)
        start, end = to_micros(booking.period.start), to_micros(booking.period.end)
        booked = Booked(start, end, int(booking.is_correction))
        if not booking.is_correction:
            self._last[payer_id] = (start, end, booked)
        return booked

    def of_calls(self, payer_ids: Sequence[str], starts_micros: Sequence[int]) -> list[Booked]:
        """The period of each call; of calls whose payer is not known there is none."""
        last, periods = self._last, []
        for payer_id, start_micros in zip(payer_ids, starts_micros, strict=True):
            start, end, booked = last.get(payer_id, _NOWHEN)
            if not start <= start_micros < end:
                is_known = payer_id in self.accounts
                booked = self.book(payer_id, start_micros) if is_known else NOT_BOOKED
            periods.append(booked)
        return periods


def counting_micros(booked: Sequence[Booked], starts_micros: Sequence[int]) -> Sequence[int]:
    """The instants whose periods' counters charges move.

    It is the start, or where the payer's open period begins when that of the start is sealed.
    """
    return [
        max(period.start or 0, start_micros) if period.correction else start_micros
        for period, start_micros in zip(booked, starts_micros, strict=True)
    ]

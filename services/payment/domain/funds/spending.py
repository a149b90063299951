"""Which money pays for usage: promotional credit first, the first to expire before the others.

What is given back of a charge goes the other way: first the account itself has back what it paid.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from kernel.money import Money
from services.payment.domain.funds.promotion import Promotion


class ChargePayment(NamedTuple):
    """Who has paid for a charge so far, all its revisions together."""

    own_micros: int = 0
    """What the account itself has."""
    promotions: tuple[tuple[Promotion, int], ...] = ()

    @property
    def promotion_micros(self) -> int:
        """What promotional credit has paid, all together."""
        return sum(micros for _, micros in self.promotions)

    def plus(self, own_micros: int, paid: Iterable[tuple[Promotion, int]]) -> "ChargePayment":
        """The payment with another revision; what is given back is negative."""
        sums = {each.promotion_id: (each, micros) for each, micros in self.promotions}
        for promotion, micros in paid:
            _, before = sums.get(promotion.promotion_id, (promotion, 0))
            sums[promotion.promotion_id] = promotion, before + micros
        return ChargePayment(self.own_micros + own_micros, tuple(sums.values()))


class GivenBack(NamedTuple):
    """What promotional credit gets back of a charge, and what of that has expired meanwhile."""

    promotions: tuple[tuple[Promotion, int], ...] = ()
    expired_micros: int = 0


def split_return(micros: int, paid: ChargePayment, now: datetime) -> GivenBack:
    """What each promotion gets back of an amount, the last to expire first.

    Nobody gets more than he paid; what is more than was ever paid is the account's.
    """
    left = micros - max(paid.own_micros, 0)
    shares: list[tuple[Promotion, int]] = []
    for promotion, spent in sorted(paid.promotions, key=_by_expiry, reverse=True):
        if (share := min(spent, left)) > 0:
            shares.append((promotion, share))
            left -= share
    expired = sum(share for promotion, share in shares if promotion.has_expired(now))
    return GivenBack(tuple(shares), expired)


def split_debit(micros: int, promotions: Iterable[Promotion]) -> dict[str, int]:
    """What each promotion pays of an amount, by its id; the account itself pays the rest.

    What has expired and is still there belongs to the holds that rely on it, and is spent as well.
    Nothing of an amount that gives usage back.
    """
    paid: dict[str, int] = {}
    for promotion in sorted(promotions, key=lambda each: (each.expire_time, each.promotion_id)):
        if micros <= 0:
            break
        taken = min(promotion.remaining.micros, micros)
        paid[promotion.promotion_id] = taken
        micros -= taken
    return paid


def after_debit(promotions: Iterable[Promotion], paid: Mapping[str, int]) -> tuple[Promotion, ...]:
    """The promotions that have something left when these have paid."""
    left = (_less(each, paid.get(each.promotion_id, 0)) for each in promotions)
    return tuple(each for each in left if each.remaining.micros)


def after_return(
    promotions: Iterable[Promotion], given: GivenBack, now: datetime
) -> tuple[Promotion, ...]:
    """The promotions that have something left when a charge is given back, but for expired ones."""
    left = {each.promotion_id: each for each in promotions}
    for promotion, micros in given.promotions:
        if not promotion.has_expired(now):
            # One that is not there has nothing left, whatever it had when it was read.
            empty = replace(promotion, remaining=Money(promotion.remaining.currency, 0))
            left[promotion.promotion_id] = _less(left.get(promotion.promotion_id, empty), -micros)
    return tuple(left.values())


def _by_expiry(paid: tuple[Promotion, int]) -> tuple[datetime, str]:
    return paid[0].expire_time, paid[0].promotion_id


def _less(promotion: Promotion, micros: int) -> Promotion:
    remaining = promotion.remaining
    return replace(promotion, remaining=Money(remaining.currency, remaining.micros - micros))

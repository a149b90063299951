"""Promotional credit: given and not paid for, spent before the wallet, gone when it expires."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from kernel.money import Money


@dataclass(frozen=True, slots=True)
class Promotion:
    """One grant of promotional credit and what is left of it."""

    tenant_id: str
    promotion_id: str
    account_id: str
    granted: Money
    remaining: Money
    create_time: datetime
    expire_time: datetime

    def has_expired(self, now: datetime) -> bool:
        """Whether nothing new may rely on it."""
        return self.expire_time <= now

    def less(self, micros: int) -> Self:
        """What it is when this much of it has been taken."""
        return replace(self, remaining=self.remaining - Money(self.remaining.currency, micros))


def spend(promotions: Iterable[Promotion], wanted_micros: int) -> list[Promotion]:
    """The promotions that change when up to this much is taken, the first to expire first.

    What was expired but is still there belongs to the holds that rely on it, and is spent as well.
    """
    changed = []
    for promotion in sorted(promotions, key=lambda each: (each.expire_time, each.promotion_id)):
        taken = min(promotion.remaining.micros, wanted_micros)
        if taken > 0:
            changed.append(promotion.less(taken))
            wanted_micros -= taken
    return changed

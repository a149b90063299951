"""Promotional credit: given and not paid for, spent before the wallet, gone when it expires."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

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


def expiring(
    promotions: Iterable[Promotion], held_micros: int, spare_micros: int | None, now: datetime
) -> dict[str, Money]:
    """By id, what is taken back of promotions that have expired, the first to expire first.

    What is held is paid from them before anything else, so as much stays until holds end; so does
    what is more than `spare_micros`, which no hold relies on (None: without a limit).
    """
    expired = [each for each in promotions if each.has_expired(now)]
    free = sum(each.remaining.micros for each in expired) - held_micros
    if spare_micros is not None:
        free = min(free, spare_micros)
    taken = {}
    for promotion in sorted(expired, key=lambda each: each.expire_time):
        if (micros := min(promotion.remaining.micros, free)) > 0:
            taken[promotion.promotion_id] = Money(promotion.remaining.currency, micros)
            free -= micros
    return taken

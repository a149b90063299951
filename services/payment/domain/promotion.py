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
    promotions: Iterable[Promotion], spare_micros: int | None, now: datetime
) -> dict[str, Money]:
    """By id, what is taken back of promotions that have expired, the first to expire first.

    `spare_micros` is what no hold relies on: more than that stays until holds end.
    """
    taken = {}
    for promotion in sorted(promotions, key=lambda each: each.expire_time):
        micros = promotion.remaining.micros
        if spare_micros is not None:
            micros = min(micros, spare_micros)
        if micros > 0 and promotion.has_expired(now):
            taken[promotion.promotion_id] = Money(promotion.remaining.currency, micros)
            spare_micros = None if spare_micros is None else spare_micros - micros
    return taken

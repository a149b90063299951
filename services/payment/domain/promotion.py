"""Promotional credit: given and not paid for, spent before the wallet, gone when it expires."""

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

"""Automatic top-ups: when a prepaid account takes money from its instrument by itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from kernel.errors import FieldViolation
from kernel.money import CurrencyMismatch, Money
from services.payment.domain.collections.collection import CHARGEABLE_RULE, is_chargeable
from services.payment.domain.collections.collection_errors import invalid_top_up_policy
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS

# Bounds every policy: what empties a wallet so fast is not the customer.
TOP_UPS_A_DAY_MAX = 10
# How long after each decline in a row it is tried again; after the last, never.
DECLINE_PAUSES = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 72))
# Why a policy is suspended where the gateway has not told.
UNTOLD = "declined"

_PAST_ANY_MONTH_DAYS = 32


@dataclass(frozen=True, slots=True)
class TopUpPolicy:
    """Take the amount when no more than the threshold is left, within limits.

    Raises:
        DomainError: INVALID_TOP_UP_POLICY, with every field that breaks its rule;
            CURRENCY_MISMATCH for several currencies.
    """

    instrument_id: str
    threshold: Money
    amount: Money
    daily_limit: Money | None = None
    monthly_limit: Money | None = None

    def __post_init__(self) -> None:
        for each in self.amounts:
            if each.currency != self.amount.currency:
                raise CurrencyMismatch(self.amount.currency, each.currency)
        if violations := list(self._violations()):
            raise invalid_top_up_policy(violations)

    @property
    def amounts(self) -> Iterator[Money]:
        """Every amount of it."""
        limits = (self.daily_limit, self.monthly_limit)
        yield from (self.threshold, self.amount, *(each for each in limits if each is not None))

    def _violations(self) -> Iterator[FieldViolation]:
        if not 0 <= self.threshold.micros <= POSTING_MAX_MICROS:
            rule = "not negative, at most 9,000,000,000,000 units"
            yield FieldViolation("policy.threshold", rule)
        if not is_chargeable(self.amount):
            yield FieldViolation("policy.amount", CHARGEABLE_RULE)
        limits = {"daily_limit": self.daily_limit, "monthly_limit": self.monthly_limit}
        for name, limit in limits.items():
            if limit is not None and not self.amount.micros <= limit.micros <= POSTING_MAX_MICROS:
                rule = "at least the amount, at most 9,000,000,000,000 units"
                yield FieldViolation(f"policy.{name}", rule)


class Taken(NamedTuple):
    """What top-ups have taken of an account today and this month, or are about to."""

    day_count: int = 0
    day_micros: int = 0
    month_micros: int = 0


class TopUp(NamedTuple):
    """A policy and how it stands."""

    policy: TopUpPolicy
    decline_count: int = 0
    """In a row, since the last success."""
    suspend_reason: str = ""
    """Why it takes nothing until it is set again."""
    next_time: datetime | None = None
    """Until when it waits, after a decline or for its limits."""
    is_pending: bool = False
    """Whether money has been asked for and has neither come nor been declined."""

    @property
    def trigger_micros(self) -> int | None:
        """What is left when postings have it looked at; None while it is suspended."""
        return None if self.suspend_reason else self.policy.threshold.micros

    def waits(self, now: datetime) -> bool:
        """Whether it takes nothing now, whatever is left."""
        is_early = self.next_time is not None and now < self.next_time
        return self.is_pending or bool(self.suspend_reason) or is_early

    def is_low(self, left_micros: int | None) -> bool:
        """Whether no more than the threshold is left to spend; None: without a limit."""
        return left_micros is not None and left_micros <= self.policy.threshold.micros

    def limited_until(self, account: Account, taken: Taken, now: datetime) -> datetime | None:
        """When its limits allow to take the amount; None: now."""
        today, policy = account.local_date(now), self.policy
        if _exceeds(policy.monthly_limit, taken.month_micros + policy.amount.micros):
            return account.midnight(_next_month(today))
        is_over = _exceeds(policy.daily_limit, taken.day_micros + policy.amount.micros)
        if is_over or taken.day_count >= TOP_UPS_A_DAY_MAX:
            return account.midnight(today + timedelta(days=1))
        return None

    def succeeded(self) -> "TopUp":
        """As it stands when money has come."""
        return TopUp(self.policy)

    def declined(self, failure_code: str, may_retry: bool, now: datetime) -> "TopUp":
        """As it stands when its instrument was declined: it waits, or is suspended."""
        count = self.decline_count + 1
        if may_retry and count <= len(DECLINE_PAUSES):
            return TopUp(self.policy, count, next_time=now + DECLINE_PAUSES[count - 1])
        return TopUp(self.policy, count, suspend_reason=failure_code or UNTOLD)


def _exceeds(limit: Money | None, micros: int) -> bool:
    return limit is not None and micros > limit.micros


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=_PAST_ANY_MONTH_DAYS)).replace(day=1)

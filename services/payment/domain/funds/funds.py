"""What an account may spend: its balance and credit limit, its caps, and what is held of it."""

from datetime import date, datetime
from typing import NamedTuple, Self

from kernel.errors import DomainError
from services.payment.domain.funds.promotion import Promotion
from services.payment.domain.funds.spending import GivenBack, after_debit, after_return, split_debit
from services.payment.domain.funds.transfer_errors import insufficient_funds, spend_cap_reached
from services.payment.domain.ledger.account import Account, PaymentMode

_MONTHS_PER_YEAR = 12


class Policy(NamedTuple):
    """How much may be spent; None where nothing was laid down."""

    credit_limit_micros: int | None = None
    daily_cap_micros: int | None = None
    monthly_cap_micros: int | None = None

    @property
    def has_caps(self) -> bool:
        """Whether what is spent a day or a month matters."""
        return self.daily_cap_micros is not None or self.monthly_cap_micros is not None


class Spend(NamedTuple):
    """What was spent on a day and in its month, as the account's zone cuts time."""

    day: int = 0  # ordinal of the day
    day_micros: int = 0
    month: int = 0  # months since year 0
    month_micros: int = 0

    def on(self, today: date) -> "Spend":
        """The spend of today: yesterday's counts no more, nor does last month's.

        A clock that has gone back is heeded no more: what was spent since counts.
        """
        day = max(today.toordinal(), self.day)
        month = max(today.year * _MONTHS_PER_YEAR + today.month, self.month)
        return Spend(
            day,
            self.day_micros if day == self.day else 0,
            month,
            self.month_micros if month == self.month else 0,
        )

    def plus(self, micros: int) -> "Spend":
        """The spend with another amount; a negative one gives back."""
        return self._replace(
            day_micros=self.day_micros + micros, month_micros=self.month_micros + micros
        )


class Funds(NamedTuple):
    """The money of one paying account, in micros of its currency."""

    account: Account
    balance_micros: int
    """Wallet and promotional credit, less what is unbilled and receivable."""
    held_micros: int = 0
    policy: Policy = Policy()
    spend: Spend = Spend()
    promotions: tuple[Promotion, ...] = ()
    """Those with something left."""

    @property
    def credit_limit_micros(self) -> int | None:
        """How far the balance may go below zero; None: as far as it likes."""
        if self.policy.credit_limit_micros is None and self.account.mode == PaymentMode.PREPAID:
            return 0
        return self.policy.credit_limit_micros

    @property
    def left_micros(self) -> int | None:
        """What is left to spend, holds aside; None without a limit."""
        limit = self.credit_limit_micros
        return None if limit is None else self.balance_micros + limit

    def spare_micros(self) -> int | None:
        """What no hold relies on, below zero when that is overdrawn; None without a limit."""
        left = self.left_micros
        return None if left is None else left - self.held_micros

    def available_micros(self, now: datetime) -> int | None:
        """What is left for new holds, below zero when that is overdrawn; None without a limit."""
        spare = self.spare_micros()
        if spare is None or not self.promotions:
            return spare
        # Credit that has expired remains for the holds that rely on it, and for no others.
        return spare - sum(
            each.remaining.micros for each in self.promotions if each.has_expired(now)
        )

    def cap_rooms(self, now: datetime) -> dict[str, int]:
        """What each cap leaves for new holds, by the span that it is for."""
        if not self.policy.has_caps:
            return {}
        spent = self.spend.on(self.account.local_date(now))
        caps = {
            "day": (self.policy.daily_cap_micros, spent.day_micros),
            "month": (self.policy.monthly_cap_micros, spent.month_micros),
        }
        return {
            span: cap - used - self.held_micros
            for span, (cap, used) in caps.items()
            if cap is not None
        }

    def room_micros(self, now: datetime) -> int | None:
        """The most that a new hold can have; None without a limit."""
        bounds = list(self.cap_rooms(now).values())
        if (available := self.available_micros(now)) is not None:
            bounds.append(available)
        return max(min(bounds), 0) if bounds else None

    def affordable(self, wanted: int, least: int, now: datetime, held: int = 0) -> int:
        """What a hold that has `held` gets in all: `wanted`, or all there is from `least` on.

        Raises:
            DomainError: INSUFFICIENT_FUNDS, SPEND_CAP_REACHED.
        """
        room = self.room_micros(now)
        if wanted <= held or room is None or wanted <= held + room:
            return wanted
        if least <= held + room:
            return held + room
        raise self._refusal(least - held, now)

    def holding(self, micros: int) -> Self:
        """The funds when this much more is held, or less."""
        return self._replace(held_micros=self.held_micros + micros)

    def debited(self, micros: int, now: datetime) -> tuple[Self, dict[str, int]]:
        """The funds after usage was posted, and what each promotion paid of it."""
        paid = split_debit(micros, self.promotions)
        after = self._spent(micros, now)
        if paid:
            after = after._replace(promotions=after_debit(self.promotions, paid))
        return after, paid

    def given_back(self, micros: int, given: GivenBack, now: datetime) -> Self:
        """The funds after so much of a charge was given back; what has expired is not theirs."""
        after = self._spent(-micros, now)
        return after._replace(
            balance_micros=after.balance_micros - given.expired_micros,
            promotions=after_return(self.promotions, given, now),
        )

    def _spent(self, micros: int, now: datetime) -> Self:
        after = self._replace(balance_micros=self.balance_micros - micros)
        if self.policy.has_caps:
            spent = self.spend.on(self.account.local_date(now)).plus(micros)
            after = after._replace(spend=spent)
        return after

    def _refusal(self, needed: int, now: datetime) -> DomainError:
        account_id, available = self.account.account_id, self.available_micros(now)
        if available is not None and available < needed:
            return insufficient_funds(account_id, needed, available)
        span, left = min(self.cap_rooms(now).items(), key=lambda item: item[1])
        return spend_cap_reached(account_id, span, needed, left)

"""What rating knows of an account: who pays, in what currency, by which cycle, for which plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from kernel.period import BillingCycle
from services.rating.domain.plans.plan import BundleAllowance

NEVER = 2**62
"""After every instant, in microseconds since 1970."""


class Subscription(NamedTuple):
    """An account's use of a plan; times in microseconds since 1970."""

    plan_id: str
    start_micros: int
    end_micros: int | None


@dataclass(frozen=True, slots=True)
class Account:
    """An account as invoice last told it."""

    account_id: str
    payer_account_id: str
    currency: str
    cycle: BillingCycle
    start_time: datetime
    """When its first billing period begins."""
    reseller_account_id: str = ""
    """Who sells to this account and pays a wholesale price for each of its calls."""


class DeckOverride(NamedTuple):
    """A deck of an account's own, asked before those of its plan; in order of preference."""

    rate_deck_id: str
    start_micros: int
    end_micros: int | None


class BundleGrant(NamedTuple):
    """A bundle that an account got beside its plan, once, to use up within its validity."""

    grant_id: str
    account_id: str
    """Whose counter it is: the account's, or the payer's of a shared one."""
    allowance: BundleAllowance
    start_micros: int
    end_micros: int


Subscribed = tuple[str, str]
"""A plan, and the currency of an account that is subscribed to it."""


class Steady(NamedTuple):
    """The one plan of a customer, from when until when; none of those with more than a plan."""

    subscribed: Subscribed | None
    start_micros: int
    until_micros: int


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose usage is priced, and who pays."""

    account: Account
    payer: Account
    subscriptions: Sequence[Subscription]
    overrides: Sequence[DeckOverride] = ()
    grants: Sequence[BundleGrant] = ()
    steady: Steady = field(init=False, repr=False, compare=False)
    """Batches ask for it again and again."""

    def __post_init__(self) -> None:
        """Work out once what follows from the rest."""
        object.__setattr__(self, "steady", self._steady())

    @property
    def is_usual(self) -> bool:
        """Whether nothing but the plan makes prices, and the payer pays in the same currency."""
        is_odd = self.overrides or self.grants or self.account.currency != self.payer.currency
        return not is_odd

    def _steady(self) -> Steady:
        if len(self.subscriptions) != 1 or not self.is_usual:
            return Steady(None, NEVER, NEVER)
        [(plan_id, start, end)] = self.subscriptions
        return Steady((plan_id, self.account.currency), start, NEVER if end is None else end)


def plan_in_force(subscriptions: Sequence[Subscription], instant_micros: int) -> str | None:
    """The plan subscribed to at an instant; of several, the one that began last."""
    found: Subscription | None = None
    for each in subscriptions:
        if (
            each.start_micros <= instant_micros
            and (each.end_micros is None or instant_micros < each.end_micros)
            and (found is None or each.start_micros > found.start_micros)
        ):
            found = each
    return found.plan_id if found else None

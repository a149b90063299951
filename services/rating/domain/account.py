"""What rating knows of an account: who pays, in what currency, by which cycle, for which plans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from kernel.period import BillingCycle
from services.rating.domain.plans.plan import BundleAllowance


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


@dataclass(frozen=True, slots=True)
class Customer:
    """Whose usage is priced, and who pays."""

    account: Account
    payer: Account
    subscriptions: Sequence[Subscription]
    overrides: Sequence[DeckOverride] = ()
    grants: Sequence[BundleGrant] = ()


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

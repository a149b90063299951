"""Plans and accounts for tests, as short as a test can say them."""

from datetime import UTC, datetime
from typing import Any

from kernel.period import BillingCycle
from kernel.rounding import RoundingMode
from services.rating.domain.account import Account
from services.rating.domain.plans.plan import Plan, PlanRevision
from services.rating.domain.plans.rounding_rules import DurationRounding, PriceRule

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
PLAN = Plan("plan", "basic", "Basic", "EUR", BEGINNING)


def revision(**changes: Any) -> PlanRevision:
    """Terms of the plan from the beginning, unless changed."""
    terms = {
        "plan_revision_id": "revision",
        "plan_id": PLAN.plan_id,
        "revision": 1,
        "effective_time": BEGINNING,
        "rate_deck_ids": ("deck",),
        "duration_rounding": DurationRounding.UP,
        "price_rule": PriceRule(RoundingMode.HALF_UP, 4),
        "monthly_fee_micros": 0,
    }
    return PlanRevision(**{**terms, **changes})


def account(time_zone: str = "UTC", billing_day: int = 1, **changes: Any) -> Account:
    """An account that pays for itself, from the beginning."""
    fields = {
        "account_id": "payer",
        "payer_account_id": "payer",
        "currency": "EUR",
        "cycle": BillingCycle(time_zone, billing_day),
        "start_time": BEGINNING,
    }
    return Account(**{**fields, **changes})

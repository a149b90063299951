"""What may be laid down for an account: a credit limit, caps and thresholds."""

from collections.abc import Iterator
from dataclasses import dataclass

from kernel.errors import FieldViolation
from kernel.money import Money
from services.payment.domain.funds.funds import Policy
from services.payment.domain.funds.transfer_errors import invalid_funds_policy
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import POSTING_MAX_MICROS

THRESHOLDS_MAX = 10
CHANGEABLE = frozenset({"credit_limit", "daily_cap", "monthly_cap", "thresholds"})


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """The new values of the fields that change; None takes what was laid down away.

    Raises:
        DomainError: INVALID_FUNDS_POLICY, with every field that breaks its rule.
    """

    fields: frozenset[str]
    credit_limit: Money | None = None
    daily_cap: Money | None = None
    monthly_cap: Money | None = None
    thresholds: tuple[Money, ...] = ()

    def __post_init__(self) -> None:
        if violations := list(self._violations()):
            raise invalid_funds_policy(violations)

    def require_currency(self, account: Account) -> None:
        """Refuse amounts in another currency than the account's: CURRENCY_MISMATCH."""
        for amount in (self.credit_limit, self.daily_cap, self.monthly_cap, *self.thresholds):
            if amount is not None:
                account.require_currency(amount)

    def of(self, former: Policy) -> Policy:
        """The policy after the change."""
        amounts = {
            "credit_limit": self.credit_limit,
            "daily_cap": self.daily_cap,
            "monthly_cap": self.monthly_cap,
        }
        changed = {
            f"{name}_micros": None if amount is None else amount.micros
            for name, amount in amounts.items()
            if name in self.fields
        }
        return former._replace(**changed)

    def thresholds_after(self, former: tuple[int, ...]) -> tuple[int, ...]:
        """The thresholds after the change, in micros."""
        if "thresholds" not in self.fields:
            return former
        return tuple(sorted(each.micros for each in self.thresholds))

    def _violations(self) -> Iterator[FieldViolation]:
        named = {
            "credit_limit": [self.credit_limit],
            "daily_cap": [self.daily_cap],
            "monthly_cap": [self.monthly_cap],
            "thresholds": self.thresholds,
        }
        for name, amounts in named.items():
            if not all(each is None or 0 <= each.micros <= POSTING_MAX_MICROS for each in amounts):
                rule = "not negative, at most 9,000,000,000,000 units"
                yield FieldViolation(f"policy.{name}", rule)
        distinct = {each.micros for each in self.thresholds}
        if not len(distinct) == len(self.thresholds) <= THRESHOLDS_MAX:
            yield FieldViolation("policy.thresholds", f"at most {THRESHOLDS_MAX}, all different")

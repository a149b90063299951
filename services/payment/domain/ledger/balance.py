"""What an account owes and owns: its ledger accounts, seen from the customer's side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from kernel.money import Money
from services.payment.domain.ledger.account import Account
from services.payment.domain.ledger.entries import LedgerAccountKind


@dataclass(frozen=True, slots=True)
class Balance:
    """The balance of one account."""

    account_id: str
    wallet: Money
    unbilled: Money
    receivable: Money
    promotion: Money

    @classmethod
    def of(cls, account: Account, micros_by_kind: Mapping[int, int]) -> Self:
        """The balance made of sums of postings. What is owed to the customer is positive."""

        def debit(kind: LedgerAccountKind) -> Money:
            return Money(account.currency, micros_by_kind.get(kind, 0))

        return cls(
            account.account_id,
            wallet=-debit(LedgerAccountKind.WALLET),
            unbilled=debit(LedgerAccountKind.UNBILLED_RECEIVABLE),
            receivable=debit(LedgerAccountKind.RECEIVABLE),
            promotion=-debit(LedgerAccountKind.PROMOTION),
        )

    @property
    def in_all(self) -> Money:
        """What the account owns, less what it owes."""
        return self.wallet + self.promotion - self.unbilled - self.receivable

"""What the ledger knows of a billing account: who pays, in which books, in which currency."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from enum import IntEnum
from functools import cached_property

from kernel.money import CurrencyMismatch, Money
from kernel.partition import partition_of
from kernel.period import zone_of
from services.payment.domain.errors import not_a_payer
from services.payment.domain.ledger.entries import LedgerAccountKind
from services.payment.domain.ledger.hash_chain import Chain


class PaymentMode(IntEnum):
    """Whether money is paid before or after use."""

    PREPAID = 1
    POSTPAID = 2


@dataclass(frozen=True)
class Account:
    """A billing account, as invoice announced it."""

    tenant_id: str
    account_id: str
    legal_entity_id: str
    payer_account_id: str
    currency: str
    mode: PaymentMode
    time_zone: str = "UTC"

    @cached_property
    def chain(self) -> Chain:
        """The chain that holds the entries of this account's books."""
        partition = partition_of(self.tenant_id, self.payer_account_id)
        return Chain(self.tenant_id, self.legal_entity_id, partition)

    @property
    def usage_kind(self) -> LedgerAccountKind:
        """The ledger account that usage is taken from."""
        if self.mode == PaymentMode.PREPAID:
            return LedgerAccountKind.WALLET
        return LedgerAccountKind.UNBILLED_RECEIVABLE

    def local_date(self, now: datetime) -> date:
        """The day that it is where the account is."""
        return now.astimezone(zone_of(self.time_zone)).date()

    def midnight(self, day: date) -> datetime:
        """When a day begins where the account is."""
        return datetime.combine(day, time(), zone_of(self.time_zone)).astimezone(UTC)

    def require_payer(self) -> None:
        """Refuse an account that another pays for: NOT_A_PAYER."""
        if self.payer_account_id != self.account_id:
            raise not_a_payer(self.account_id, self.payer_account_id)

    def require_currency(self, amount: Money) -> None:
        """Refuse an amount in another currency than the account's: CURRENCY_MISMATCH."""
        if amount.currency != self.currency:
            raise CurrencyMismatch(self.currency, amount.currency)

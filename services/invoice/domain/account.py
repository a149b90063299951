"""Billing accounts, their lines and their subscriptions."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import IntEnum

from kernel.e164 import is_e164
from kernel.money import CurrencyMismatch, is_currency
from kernel.period import BillingCycle, Period
from services.invoice.domain.errors import account_is_paid_by_another, reseller_is_itself
from services.invoice.domain.fields import FieldRules
from services.invoice.domain.resources import CODE_CHARACTERS_MAX
from services.invoice.domain.validity import Validity

IDENTIFIER_CHARACTERS_MAX = 80
RESELLER_LEVELS_MAX = 8
# Every period since its start is closed one by one, and calendars end: nobody bills outside.
START_TIME_MIN = datetime(1970, 1, 1, tzinfo=UTC)
START_TIME_MAX = datetime(2200, 1, 1, tzinfo=UTC)


class PaymentMode(IntEnum):
    """Whether money is paid before or after use; the numbers are those of the contract."""

    PREPAID = 1
    POSTPAID = 2


class LineKind(IntEnum):
    """What kind of identifier a line is; the numbers are those of the contract."""

    ACCOUNT_CODE = 1
    SIP_USER = 2
    NUMBER = 3
    TRUNK = 4


@dataclass(frozen=True, slots=True)
class Account:
    """What is charged, invoiced and paid together.

    INVALID_FIELDS, INVALID_TIME_ZONE, INVALID_BILLING_DAY, RESELLER_IS_ITSELF.
    """

    account_id: str
    code: str
    customer_id: str
    legal_entity_id: str
    payer_account_id: str
    currency: str
    time_zone: str
    payment_mode: PaymentMode
    billing_day: int
    start_time: datetime
    create_time: datetime
    reseller_account_id: str = ""
    """Who sells to it and is charged too for its calls; empty: it is sold directly."""

    def __post_init__(self) -> None:
        rules = FieldRules()
        rules.uuid(self.account_id, "account.account_id")
        rules.length(self.code, "account.code", CODE_CHARACTERS_MAX)
        rules.uuid(self.customer_id, "account.customer_id")
        rules.uuid(self.legal_entity_id, "account.legal_entity_id")
        rules.uuid(self.payer_account_id, "account.payer_account_id")
        rules.require(is_currency(self.currency), "account.currency_code", "must be of ISO 4217")
        if self.reseller_account_id:
            rules.uuid(self.reseller_account_id, "account.reseller_account_id")
        is_billable = START_TIME_MIN <= self.start_time <= START_TIME_MAX
        rules.require(is_billable, "account.start_time", "must be in the years 1970 to 2199")
        rules.check()
        self.cycle.period_of(self.start_time)
        if self.reseller_account_id == self.account_id:
            raise reseller_is_itself(self.account_id)

    @property
    def cycle(self) -> BillingCycle:
        """How its time is cut into periods."""
        return BillingCycle(self.time_zone, self.billing_day)

    @property
    def is_payer(self) -> bool:
        """Whether it pays for itself."""
        return self.payer_account_id == self.account_id

    def from_period_start(self) -> "Account":
        """The same account, starting with the whole period in which it was to start."""
        return replace(self, start_time=self.first_period.start)

    @property
    def first_period(self) -> Period:
        """The first billing period: the whole one in which the account starts."""
        return self.cycle.period_of(self.start_time)


def check_payer(account: Account, payer: Account) -> None:
    """A payer pays for itself, in the currency of those it pays for.

    ACCOUNT_IS_PAID_BY_ANOTHER, CURRENCY_MISMATCH.
    """
    if not payer.is_payer:
        raise account_is_paid_by_another(payer.account_id, payer.payer_account_id)
    if payer.currency != account.currency:
        raise CurrencyMismatch(payer.currency, account.currency)


@dataclass(frozen=True, slots=True)
class Line:
    """Something that calls: how a call finds its account. INVALID_FIELDS."""

    line_id: str
    account_id: str
    kind: LineKind
    identifier: str
    validity: Validity

    def __post_init__(self) -> None:
        rules = FieldRules()
        rules.uuid(self.line_id, "line.line_id")
        rules.uuid(self.account_id, "line.account_id")
        rules.length(self.identifier, "line.identifier", IDENTIFIER_CHARACTERS_MAX)
        if self.kind is LineKind.NUMBER:
            is_number = is_e164(self.identifier)
            rules.require(is_number, "line.identifier", "must be an E.164 number without '+'")
        rules.check()


@dataclass(frozen=True, slots=True)
class Subscription:
    """An account's use of a plan. INVALID_FIELDS."""

    subscription_id: str
    account_id: str
    plan_id: str
    validity: Validity

    def __post_init__(self) -> None:
        rules = FieldRules()
        rules.uuid(self.subscription_id, "subscription.subscription_id")
        rules.uuid(self.account_id, "subscription.account_id")
        rules.uuid(self.plan_id, "subscription.plan_id")
        rules.check()

"""Between the messages of funds and the values of the domain."""

from google.protobuf.field_mask_pb2 import FieldMask
from google.type.money_pb2 import Money as MoneyMessage

from chassis.grpc.convert import money_from_proto, money_to_proto
from kernel.money import Money
from services.payment.domain.funds.funds import Policy
from services.payment.domain.funds.funds_policy import CHANGEABLE, PolicyChange
from services.payment.domain.funds.transfer_errors import invalid_field_mask
from services.payment.usecases.funds.lay_down_policy import FundsView
from tollbook.payment.v1 import funds_service_pb2 as messages


def change_from_proto(policy: messages.FundsPolicy, mask: FieldMask) -> PolicyChange:
    """What is to change.

    Raises:
        DomainError: INVALID_FIELD_MASK, INVALID_FUNDS_POLICY, INVALID_AMOUNT, UNKNOWN_CURRENCY.
    """
    named = frozenset(mask.paths)
    if fixed := sorted(named - CHANGEABLE):
        raise invalid_field_mask(fixed, sorted(CHANGEABLE))
    return PolicyChange(
        named or CHANGEABLE,
        credit_limit=_optional(policy.HasField("credit_limit"), policy.credit_limit),
        daily_cap=_optional(policy.HasField("daily_cap"), policy.daily_cap),
        monthly_cap=_optional(policy.HasField("monthly_cap"), policy.monthly_cap),
        thresholds=tuple(money_from_proto(each) for each in policy.thresholds),
    )


def funds_to_proto(view: FundsView) -> messages.Funds:
    """The funds as the contract shows them."""
    funds, kept = view.funds, view.kept
    account = funds.account
    currency = account.currency
    spent = kept.spend.on(account.local_date(view.now)) if kept.policy.has_caps else None
    return messages.Funds(
        account_id=account.account_id,
        balance=_money(currency, funds.balance_micros),
        held=_money(currency, funds.held_micros),
        available=_money(currency, funds.available_micros(view.now)),
        spent_today=None if spent is None else _money(currency, spent.day_micros),
        spent_this_month=None if spent is None else _money(currency, spent.month_micros),
        policy=_policy(currency, kept.policy, kept.thresholds),
        low_thresholds=[money_to_proto(Money(currency, each)) for each in kept.low],
    )


def _policy(currency: str, policy: Policy, thresholds: tuple[int, ...]) -> messages.FundsPolicy:
    return messages.FundsPolicy(
        credit_limit=_money(currency, policy.credit_limit_micros),
        daily_cap=_money(currency, policy.daily_cap_micros),
        monthly_cap=_money(currency, policy.monthly_cap_micros),
        thresholds=[money_to_proto(Money(currency, each)) for each in thresholds],
    )


def _money(currency: str, micros: int | None) -> MoneyMessage | None:
    return None if micros is None else money_to_proto(Money(currency, micros))


def _optional(is_set: bool, amount: MoneyMessage) -> Money | None:
    return money_from_proto(amount) if is_set else None

"""Values of the domain to messages of the contract and back."""

from datetime import datetime

from chassis.grpc.convert import (
    range_from_proto,
    range_to_proto,
    required_time,
    time_from_proto,
    time_to_proto,
)
from kernel.ids import new_uuid
from services.invoice.domain.account import (
    Account,
    Line,
    LineKind,
    PaymentMode,
    Subscription,
)
from services.invoice.domain.fields import FieldRules
from services.invoice.domain.resources import Customer, LegalEntity, PersonalData, Tenant
from services.invoice.domain.tax import TaxRate
from services.invoice.domain.validity import Validity
from tollbook.invoice.v1 import customer_pb2 as pb
from tollbook.type.v1.personal_text_pb2 import PersonalText
from tollbook.type.v1.time_range_pb2 import TimeRange


def tenant_to_proto(tenant: Tenant) -> pb.Tenant:
    """A tenant."""
    return pb.Tenant(
        tenant_id=tenant.tenant_id,
        display_name=tenant.display_name,
        create_time=time_to_proto(tenant.create_time),
    )


def legal_entity_from_proto(message: pb.LegalEntity) -> LegalEntity:
    """A legal entity to be created."""
    return LegalEntity(
        legal_entity_id=message.legal_entity_id or new_uuid(),
        code=message.code,
        display_name=message.display_name,
        address_lines=tuple(message.address_lines),
        country_code=message.country_code,
        tax_number=message.tax_number,
        invoice_prefix=message.invoice_prefix,
    )


def legal_entity_to_proto(entity: LegalEntity) -> pb.LegalEntity:
    """A legal entity."""
    return pb.LegalEntity(
        legal_entity_id=entity.legal_entity_id,
        code=entity.code,
        display_name=entity.display_name,
        address_lines=entity.address_lines,
        country_code=entity.country_code,
        tax_number=entity.tax_number,
        invoice_prefix=entity.invoice_prefix,
    )


def tax_rate_from_proto(message: pb.TaxRate) -> TaxRate:
    """A tax rate to be added."""
    return TaxRate(
        tax_rate_id=message.tax_rate_id or new_uuid(),
        country_code=message.country_code,
        display_name=message.display_name,
        basis_points=message.basis_points,
        effective_time=required_time(message.effective_time, "tax_rate.effective_time"),
    )


def tax_rate_to_proto(rate: TaxRate) -> pb.TaxRate:
    """A tax rate."""
    return pb.TaxRate(
        tax_rate_id=rate.tax_rate_id,
        country_code=rate.country_code,
        display_name=rate.display_name,
        basis_points=rate.basis_points,
        effective_time=time_to_proto(rate.effective_time),
    )


def customer_from_proto(message: pb.Customer, now: datetime) -> Customer:
    """A customer to be created."""
    return Customer(
        customer_id=message.customer_id or new_uuid(),
        external_id=message.external_id,
        country_code=message.country_code,
        create_time=now,
        personal=PersonalData(message.display_name.text, message.address.text, message.email.text),
    )


def customer_to_proto(customer: Customer) -> pb.Customer:
    """A customer; its personal fields say so when they were erased."""
    personal = customer.personal
    return pb.Customer(
        customer_id=customer.customer_id,
        external_id=customer.external_id,
        display_name=_personal(personal.display_name if personal else None),
        address=_personal(personal.address if personal else None),
        email=_personal(personal.email if personal else None),
        country_code=customer.country_code,
        create_time=time_to_proto(customer.create_time),
    )


def account_from_proto(message: pb.Account, now: datetime) -> Account:
    """An account to be created; without a start, its first period is the one of now."""
    account_id = message.account_id or new_uuid()
    return Account(
        account_id=account_id,
        code=message.code,
        customer_id=message.customer_id,
        legal_entity_id=message.legal_entity_id,
        payer_account_id=message.payer_account_id or account_id,
        currency=message.currency_code,
        time_zone=message.time_zone,
        payment_mode=_payment_mode(message.payment_mode),
        billing_day=message.billing_day,
        start_time=time_from_proto(message.start_time) or now,
        create_time=now,
        reseller_account_id=message.reseller_account_id,
    ).from_period_start()


def account_to_proto(account: Account) -> pb.Account:
    """An account."""
    return pb.Account(
        account_id=account.account_id,
        code=account.code,
        customer_id=account.customer_id,
        legal_entity_id=account.legal_entity_id,
        payer_account_id=account.payer_account_id,
        currency_code=account.currency,
        time_zone=account.time_zone,
        payment_mode=pb.PaymentMode.ValueType(account.payment_mode),
        billing_day=account.billing_day,
        start_time=time_to_proto(account.start_time),
        create_time=time_to_proto(account.create_time),
        reseller_account_id=account.reseller_account_id,
    )


def line_from_proto(message: pb.Line) -> Line:
    """A line to be created."""
    return Line(
        line_id=message.line_id or new_uuid(),
        account_id=message.account_id,
        kind=_line_kind(message.kind),
        identifier=message.identifier,
        validity=_validity(message.validity, "line.validity"),
    )


def line_to_proto(line: Line) -> pb.Line:
    """A line."""
    return pb.Line(
        line_id=line.line_id,
        account_id=line.account_id,
        kind=pb.LineKind.ValueType(line.kind),
        identifier=line.identifier,
        validity=range_to_proto((line.validity.start, line.validity.end)),
    )


def subscription_from_proto(message: pb.Subscription) -> Subscription:
    """A subscription to be created."""
    return Subscription(
        subscription_id=message.subscription_id or new_uuid(),
        account_id=message.account_id,
        plan_id=message.plan_id,
        validity=_validity(message.validity, "subscription.validity"),
    )


def subscription_to_proto(subscription: Subscription) -> pb.Subscription:
    """A subscription."""
    return pb.Subscription(
        subscription_id=subscription.subscription_id,
        account_id=subscription.account_id,
        plan_id=subscription.plan_id,
        validity=range_to_proto((subscription.validity.start, subscription.validity.end)),
    )


def _personal(text: str | None) -> PersonalText:
    return PersonalText(erased=True) if text is None else PersonalText(text=text)


def _payment_mode(number: int) -> PaymentMode:
    _require_known(number, PaymentMode, "account.payment_mode")
    return PaymentMode(number)


def _line_kind(number: int) -> LineKind:
    _require_known(number, LineKind, "line.kind")
    return LineKind(number)


def _require_known(number: int, kinds: type[PaymentMode] | type[LineKind], field: str) -> None:
    names = ", ".join(kind.name for kind in kinds)
    rules = FieldRules()
    rules.require(number in {int(kind) for kind in kinds}, field, f"must be one of {names}")
    rules.check()


def _validity(message: TimeRange, field: str) -> Validity:
    start, end = range_from_proto(message)
    rules = FieldRules()
    rules.require(start is not None, f"{field}.start_time", "must be set")
    rules.check()
    assert start is not None
    return Validity(start, end)

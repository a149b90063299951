"""The facts that this service tells the others, in the transaction that makes them true.

What an account is about travels on its payer's partition, so that it stays in order with its usage;
what a customer is about, on the customer's.
"""

from collections.abc import Iterable

from chassis.database.unit_of_work import EventPosition, UnitOfWork
from chassis.grpc.convert import money_to_proto, range_to_proto, time_to_proto
from kernel.partition import partition_of
from services.invoice.domain.account import Account, Line, Subscription
from services.invoice.domain.invoice import Invoice
from services.invoice.domain.resources import Customer
from tollbook.invoice.v1 import customer_pb2, invoice_events_pb2


def customer_changed(uow: UnitOfWork, tenant_id: str, customer: Customer) -> None:
    """A customer was created; no personal data leaves."""
    event = invoice_events_pb2.CustomerChanged(
        customer_id=customer.customer_id, external_id=customer.external_id
    )
    uow.publish(event, tenant_id, partition_of(tenant_id, customer.customer_id))


def customer_erased(
    uow: UnitOfWork, tenant_id: str, customer_id: str, account_ids: Iterable[str]
) -> None:
    """The key of a customer's personal data is gone."""
    event = invoice_events_pb2.CustomerErased(customer_id=customer_id, account_ids=account_ids)
    uow.publish(event, tenant_id, partition_of(tenant_id, customer_id))


def account_changed(uow: UnitOfWork, tenant_id: str, account: Account) -> None:
    """An account was created."""
    event = invoice_events_pb2.AccountChanged(
        account_id=account.account_id,
        code=account.code,
        customer_id=account.customer_id,
        legal_entity_id=account.legal_entity_id,
        payer_account_id=account.payer_account_id,
        currency_code=account.currency,
        time_zone=account.time_zone,
        payment_mode=customer_pb2.PaymentMode.ValueType(account.payment_mode),
        billing_day=account.billing_day,
        start_time=time_to_proto(account.start_time),
        reseller_account_id=account.reseller_account_id,
    )
    uow.publish(event, tenant_id, partition_of(tenant_id, account.payer_account_id))


def line_changed(uow: UnitOfWork, tenant_id: str, line: Line, payer_account_id: str) -> None:
    """A line was created or ended."""
    event = invoice_events_pb2.LineChanged(
        line_id=line.line_id,
        account_id=line.account_id,
        payer_account_id=payer_account_id,
        kind=customer_pb2.LineKind.ValueType(line.kind),
        identifier=line.identifier,
        validity=range_to_proto((line.validity.start, line.validity.end)),
    )
    uow.publish(event, tenant_id, partition_of(tenant_id, payer_account_id))


def subscription_changed(
    uow: UnitOfWork, tenant_id: str, subscription: Subscription, payer_account_id: str
) -> None:
    """A subscription was created or ended."""
    event = invoice_events_pb2.SubscriptionChanged(
        subscription_id=subscription.subscription_id,
        account_id=subscription.account_id,
        plan_id=subscription.plan_id,
        validity=range_to_proto((subscription.validity.start, subscription.validity.end)),
    )
    uow.publish(event, tenant_id, partition_of(tenant_id, payer_account_id))


def invoice_issued(uow: UnitOfWork, tenant_id: str, invoice: Invoice) -> EventPosition:
    """An invoice was issued; the position goes into its row, for reconciliation."""
    amounts = invoice.amounts
    event = invoice_events_pb2.InvoiceIssued(
        invoice_id=invoice.invoice_id,
        number=str(invoice.number),
        legal_entity_id=invoice.legal_entity_id,
        account_id=invoice.account_id,
        usage_amount=money_to_proto(amounts.usage),
        net_amount=money_to_proto(amounts.net),
        tax_amount=money_to_proto(amounts.tax),
        total_amount=money_to_proto(amounts.total),
        rounding_difference=money_to_proto(amounts.rounding_difference),
        issue_time=time_to_proto(invoice.issue_time),
    )
    return uow.publish(event, tenant_id, partition_of(tenant_id, invoice.account_id))

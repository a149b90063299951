"""PaymentSettled: money received settles invoices."""

from chassis.bus.handler import ReceivedEvent
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_from_proto, required_time
from services.invoice.usecases.allocate_payment import Payment, allocate_payment
from tollbook.payment.v1.payment_events_pb2 import PaymentSettled


def payment_settled(uow: UnitOfWork, event: ReceivedEvent[PaymentSettled]) -> None:
    """Allocate a payment to the account's invoices."""
    body = event.body
    payment = Payment(
        payment_id=body.payment_id,
        account_id=body.account_id,
        amount=money_from_proto(body.amount),
        named_invoice_id=body.invoice_id,
        settle_time=required_time(body.settle_time, "settle_time"),
        source=(event.partition, event.sequence),
    )
    allocate_payment(uow, event.tenant_id, payment)

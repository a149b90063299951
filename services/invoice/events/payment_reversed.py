"""PaymentReversed: invoices that a payment had settled are open again."""

from chassis.bus.handler import ReceivedEvent
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import required_time
from services.invoice.usecases.allocate_payment import Reversal, reverse_payment
from tollbook.payment.v1.payment_events_pb2 import PaymentReversed


def payment_reversed(uow: UnitOfWork, event: ReceivedEvent[PaymentReversed]) -> None:
    """Take back what a payment has settled."""
    body = event.body
    reversal = Reversal(
        adjustment_id=body.adjustment_id,
        payment_id=body.payment_id,
        account_id=body.account_id,
        reverse_time=required_time(body.reverse_time, "reverse_time"),
        source=(event.partition, event.sequence),
    )
    reverse_payment(uow, event.tenant_id, reversal)

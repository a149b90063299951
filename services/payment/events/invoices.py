"""InvoiceIssued, of invoice: posts the invoice."""

from chassis.bus.handler import EventHandler, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.convert import money_from_proto
from services.payment.domain.ledger.posting_rules import InvoiceAmounts
from services.payment.events.cause import cause_of
from services.payment.usecases.posting.post_invoice import post_invoice
from tollbook.invoice.v1.invoice_events_pb2 import InvoiceIssued


def _post_invoice(unit_of_work: UnitOfWork, event: ReceivedEvent[InvoiceIssued]) -> None:
    body = event.body
    amounts = InvoiceAmounts(
        usage=money_from_proto(body.usage_amount),
        tax=money_from_proto(body.tax_amount),
        total=money_from_proto(body.total_amount),
        rounding_difference=money_from_proto(body.rounding_difference),
    )
    cause = cause_of(event, body.invoice_id)
    post_invoice(unit_of_work, event.tenant_id, body.account_id, amounts, cause)


INVOICE_ISSUED = EventHandler(InvoiceIssued, one_by_one(_post_invoice))

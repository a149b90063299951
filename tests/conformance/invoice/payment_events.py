"""What payment tells invoice of the money of an account."""

from chassis.grpc.convert import money_to_proto, time_to_proto
from kernel.clock import utc_now
from kernel.ids import new_uuid
from kernel.money import Money
from tollbook.payment.v1.payment_events_pb2 import (
    DebtReinstated,
    DebtWrittenOff,
    PaymentReversed,
    PaymentSettled,
)


def payment_settled(account_id: str, micros: int, invoice_id: str) -> PaymentSettled:
    """A payment came in, perhaps for one invoice."""
    return PaymentSettled(
        payment_id=new_uuid(),
        account_id=account_id,
        amount=money_to_proto(Money("EUR", micros)),
        invoice_id=invoice_id,
        settle_time=time_to_proto(utc_now()),
    )


def payment_reversed(account_id: str, payment_id: str) -> PaymentReversed:
    """A payment was recorded wrongly."""
    return PaymentReversed(
        payment_id=payment_id,
        account_id=account_id,
        adjustment_id=new_uuid(),
        reverse_time=time_to_proto(utc_now()),
    )


def debt_written_off(account_id: str, micros: int, invoice_id: str) -> DebtWrittenOff:
    """A debt was given up, perhaps that of one invoice."""
    return DebtWrittenOff(
        adjustment_id=new_uuid(),
        account_id=account_id,
        amount=money_to_proto(Money("EUR", micros)),
        invoice_id=invoice_id,
        write_off_time=time_to_proto(utc_now()),
    )


def debt_reinstated(account_id: str, write_off_id: str) -> DebtReinstated:
    """A debt that was given up is owed again."""
    return DebtReinstated(
        write_off_adjustment_id=write_off_id,
        account_id=account_id,
        adjustment_id=new_uuid(),
        reinstate_time=time_to_proto(utc_now()),
    )

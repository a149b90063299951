"""Between the messages of transfers and the values of the domain."""

import hashlib
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration

from chassis.grpc.convert import (
    duration_ms_from_proto,
    money_from_proto,
    money_to_proto,
    time_to_proto,
)
from chassis.grpc.errors import to_status
from kernel.errors import DomainError, FieldViolation
from kernel.money import Money
from services.payment.domain.funds.holds import Hold
from services.payment.domain.funds.transfer_errors import invalid_transfer
from services.payment.domain.funds.transfers import (
    CaptureHold,
    ChangeHold,
    ChargeRevision,
    OverrunPolicy,
    PlaceHold,
    ReleaseHold,
    Result,
    Step,
    Transfer,
)
from services.payment.domain.ledger.entries import EventSource
from tollbook.payment.v1 import hold_pb2
from tollbook.payment.v1.transfer_service_pb2 import TransferResult

SERVICE = "payment"
RATING = "rating"


def transfer_from_proto(message: hold_pb2.Transfer, actor: str) -> Transfer:
    """A step.

    Raises:
        DomainError: INVALID_TRANSFER, INVALID_AMOUNT, INVALID_DURATION, UNKNOWN_CURRENCY.
    """
    content = message.SerializeToString(deterministic=True)
    fingerprint = hashlib.sha256(content).digest()
    return Transfer(message.request_id, fingerprint, actor, _step(message))


def result_to_proto(result: Result) -> TransferResult:
    """What became of a step."""
    hold, error, available = result
    return TransferResult(
        hold=None if hold is None else hold_to_proto(hold),
        error=None if error is None else to_status(error, SERVICE),
        available=None if available is None else money_to_proto(available),
    )


def error_to_proto(error: DomainError) -> TransferResult:
    """The result of a step that could not be read."""
    return TransferResult(error=to_status(error, SERVICE))


def hold_to_proto(hold: Hold) -> hold_pb2.Hold:
    """A hold as the contract shows it."""
    return hold_pb2.Hold(
        hold_id=hold.hold_id,
        account_id=hold.account_id,
        reference=hold.reference,
        held=money_to_proto(Money(hold.currency, hold.held_micros)),
        captured=money_to_proto(Money(hold.currency, hold.captured_micros)),
        state=hold_pb2.HoldState.ValueType(hold.state),
        create_time=time_to_proto(hold.create_time),
        expire_time=time_to_proto(hold.expire_time),
    )


def _step(message: hold_pb2.Transfer) -> Step:
    match message.WhichOneof("step"):
        case "place":
            return _place(message.place)
        case "change":
            return _change(message.change)
        case "capture":
            return _capture(message.capture)
        case "release":
            return ReleaseHold(message.release.hold_id)
        case _:
            raise invalid_transfer([FieldViolation("step", "what to do is needed")])


def _place(message: hold_pb2.PlaceHold) -> PlaceHold:
    return PlaceHold(
        message.hold_id,
        message.account_id,
        money_from_proto(message.amount),
        money_from_proto(message.minimum) if message.HasField("minimum") else None,
        _validity(message.validity),
        message.reference,
    )


def _change(message: hold_pb2.ChangeHold) -> ChangeHold:
    return ChangeHold(
        message.hold_id,
        money_from_proto(message.amount),
        money_from_proto(message.minimum) if message.HasField("minimum") else None,
        _validity(message.validity),
    )


def _capture(message: hold_pb2.CaptureHold) -> CaptureHold:
    source = EventSource(RATING, message.event_partition, message.event_sequence)
    refuses = message.overrun == hold_pb2.OVERRUN_POLICY_REFUSE
    return CaptureHold(
        message.hold_id,
        ChargeRevision(message.charge_id, message.revision),
        money_from_proto(message.amount),
        OverrunPolicy.REFUSE if refuses else OverrunPolicy.POST_ALL,
        source if message.event_sequence else None,
    )


def _validity(message: Duration) -> timedelta:
    return timedelta(milliseconds=duration_ms_from_proto(message))

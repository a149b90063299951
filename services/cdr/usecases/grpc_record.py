"""Reads the records of IngestCallRecords, from the protobuf bytes in which they are kept."""

from google.protobuf.message import DecodeError

from chassis.grpc.convert import duration_ms_from_proto, time_from_proto
from kernel.errors import DomainError
from services.cdr.domain.records import (
    RELEASE_CAUSE_MAX,
    ParsedRecord,
    Reason,
    RejectedRecordError,
)
from tollbook.cdr.v1.call_pb2 import CallRecord

DEFAULT_LEG = "a"


def parse(content: bytes) -> ParsedRecord:
    """Understand one record; raises RejectedRecordError."""
    try:
        record = CallRecord.FromString(content)
    except DecodeError as error:
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD, "the bytes are no tollbook.cdr.v1.CallRecord; send it again"
        ) from error
    try:
        return _parse(record, content)
    except DomainError as error:
        raise RejectedRecordError(Reason.MALFORMED_RECORD, error.message) from error


def _parse(record: CallRecord, content: bytes) -> ParsedRecord:
    start = time_from_proto(record.start_time)
    if start is None:
        raise RejectedRecordError(Reason.MISSING_FIELD, "start_time is not set")
    if record.release_cause > RELEASE_CAUSE_MAX:
        raise RejectedRecordError(
            Reason.MALFORMED_RECORD,
            f"release_cause {record.release_cause} is no Q.850 cause (0 to {RELEASE_CAUSE_MAX})",
        )
    answer = time_from_proto(record.answer_time)
    return ParsedRecord(
        call_key=record.call_key.value,
        leg=record.leg or DEFAULT_LEG,
        caller=record.caller,
        callee=record.callee,
        account_code=record.account_code,
        sip_user=record.sip_user,
        trunk=record.trunk,
        egress_trunk=record.egress_trunk,
        routing_number=record.routing_number,
        start=start,
        answer=answer,
        answered=answer is not None,
        billable_ms=duration_ms_from_proto(record.billable_duration),
        total_ms=None,
        release_cause=record.release_cause,
        content=content,
    )

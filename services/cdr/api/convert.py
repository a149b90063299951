"""Between the messages of the contract and the values of the domain."""

from enum import IntEnum
from typing import Any, TypeVar

from sqlalchemy import Row

from chassis.grpc.convert import (
    duration_ms_from_proto,
    duration_ms_to_proto,
    money_to_proto,
    time_to_proto,
)
from chassis.grpc.errors import to_status
from kernel.clock import EPOCH
from kernel.e164 import NumberPlan
from kernel.errors import DomainError, ErrorKind
from kernel.money import Money
from services.cdr.domain.errors import invalid_profile, invalid_source
from services.cdr.domain.framing import KEPT_BYTES_MAX
from services.cdr.domain.records import Rejection
from services.cdr.domain.source import (
    DEFAULT_DURATION_MAX_MILLISECONDS,
    ConflictRule,
    LineRule,
    RecordFormat,
    Source,
    SourceProfile,
)
from services.cdr.usecases.collect_records import Result
from tollbook.cdr.v1.call_pb2 import Call, SuspendedRecord
from tollbook.cdr.v1.cdr_service_pb2 import CallRecordResult
from tollbook.cdr.v1.source_pb2 import Source as SourceMessage
from tollbook.cdr.v1.source_pb2 import SourceProfile as SourceProfileMessage
from tollbook.type.v1.call_pb2 import CallKey

SERVICE = "cdr"

E = TypeVar("E", bound=IntEnum)


def source_from_proto(message: SourceMessage, tenant_id: str) -> Source:
    """The source that a caller describes. Raises INVALID_SOURCE, INVALID_PROFILE."""
    record_format = _member(RecordFormat, message.format)
    if record_format is None:
        raise invalid_source("format", "choose one of the record formats")
    return Source(
        tenant_id=tenant_id,
        source_id=message.source_id,
        code=message.code,
        format=record_format,
        profile=profile_from_proto(message.profile),
        create_time=EPOCH,
    )


def profile_from_proto(message: SourceProfileMessage) -> SourceProfile:
    """The profile that a caller describes. Raises INVALID_PROFILE, INVALID_NUMBER_PLAN."""
    line_rule = _member(LineRule, message.line_rule)
    if line_rule is None:
        raise invalid_profile("line_rule", "choose which field names the line that is charged")
    conflict_rule = _member(ConflictRule, message.conflict_rule or ConflictRule.SUSPEND)
    if conflict_rule is None:
        raise invalid_profile("conflict_rule", "choose one of the conflict rules")
    has_maximum = message.HasField("max_duration")
    return SourceProfile(
        numbers=NumberPlan(
            message.country_code,
            message.national_prefix,
            tuple(message.international_prefixes),
            frozenset(message.short_codes),
            frozenset(message.emergency_numbers),
        ),
        line_rule=line_rule,
        call_key_kind=message.call_key_kind,
        time_zone=message.time_zone or "UTC",
        conflict_rule=conflict_rule,
        duration_max_ms=duration_ms_from_proto(message.max_duration)
        if has_maximum
        else DEFAULT_DURATION_MAX_MILLISECONDS,
    )


def source_to_proto(source: Source) -> SourceMessage:
    """A source as callers see it."""
    profile, numbers = source.profile, source.profile.numbers
    return SourceMessage(
        source_id=source.source_id,
        code=source.code,
        format=int(source.format),  # type: ignore[arg-type]
        profile=SourceProfileMessage(
            time_zone=profile.time_zone,
            country_code=numbers.country_code,
            national_prefix=numbers.national_prefix,
            international_prefixes=numbers.international_prefixes,
            short_codes=sorted(numbers.short_codes),
            emergency_numbers=sorted(numbers.emergency_numbers),
            line_rule=int(profile.line_rule),  # type: ignore[arg-type]
            call_key_kind=profile.call_key_kind,  # type: ignore[arg-type]
            conflict_rule=int(profile.conflict_rule),  # type: ignore[arg-type]
            max_duration=duration_ms_to_proto(profile.duration_max_ms),
        ),
        create_time=time_to_proto(source.create_time),
        etag=str(source.version),
    )


def call_to_proto(row: Row[Any]) -> Call:
    """A row of the call table."""
    is_priced = row.price_micros is not None
    return Call(
        call_id=row.call_id.hex(),
        revision=row.revision,
        source_id=row.source_id,
        call_key=CallKey(kind=row.call_key_kind, value=row.call_key),
        leg=row.leg,
        account_id=row.account_id,
        payer_account_id=row.payer_account_id,
        line_id=row.line_id,
        caller=row.caller,
        callee=row.callee,
        callee_kind=row.callee_kind,
        start_time=time_to_proto(row.start_time),
        answer_time=time_to_proto(row.answer_time),
        billable_duration=duration_ms_to_proto(row.duration_ms),
        release_cause=row.release_cause,
        rating_outcome=row.rating_outcome,
        unrated_reason=row.unrated_reason,
        price=money_to_proto(Money(row.price_currency, row.price_micros)) if is_priced else None,
        charge_id=row.charge_id.hex() if row.charge_id else "",
        egress_trunk=row.egress_trunk,
        routing_number=row.routing_number,
    )


def suspended_to_proto(row: Row[Any]) -> SuspendedRecord:
    """A row of the suspended_record table."""
    return SuspendedRecord(
        suspended_record_id=row.suspended_record_id,
        source_id=row.source_id,
        origin=row.origin,
        raw_record=bytes(row.raw_record)[:KEPT_BYTES_MAX],
        reason=row.reason,
        message=row.message,
        receive_time=time_to_proto(row.receive_time),
        retry_time=time_to_proto(row.retry_time),
    )


def result_to_proto(result: Result) -> CallRecordResult:
    """What became of one record."""
    message = CallRecordResult(
        outcome=result.outcome.value,  # type: ignore[arg-type]
        call_id=result.call_id.hex(),
        suspended_record_id=result.suspended_record_id,
    )
    if result.rejection is not None:
        message.status.CopyFrom(to_status(_error(result.rejection), SERVICE))
    return message


def _member(enumeration: type[E], value: int) -> E | None:
    """The member with this value, None when there is none."""
    try:
        return enumeration(value)
    except ValueError:
        return None


def _error(rejection: Rejection) -> DomainError:
    return DomainError(ErrorKind.INVALID_ARGUMENT, rejection.reason.value, rejection.message)

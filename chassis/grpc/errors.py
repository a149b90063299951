"""Carries a DomainError over the wire as google.rpc.Status, and back."""

from typing import TypeVar, cast

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from kernel.errors import DomainError, ErrorKind, FieldViolation

Detail = TypeVar("Detail", ErrorInfo, BadRequest)

DOMAIN_SUFFIX = ".tollbook"
INTERNAL_ERROR = "INTERNAL_ERROR"
DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"

# Details travel in HTTP/2 trailers, of which peers may accept no more than 8 KiB.
FIELD_VIOLATIONS_MAX = 10
METADATA_ENTRIES_MAX = 10
MESSAGE_CHARACTERS_MAX = 400
DETAIL_CHARACTERS_MAX = 160

CODE_BY_KIND = {kind: grpc.StatusCode[kind.name] for kind in ErrorKind}
KIND_BY_CODE = {code: kind for kind, code in CODE_BY_KIND.items()}


def deadline_exceeded(message: str) -> DomainError:
    """UNAVAILABLE to the code that handles it, DEADLINE_EXCEEDED to the caller."""
    return DomainError(ErrorKind.UNAVAILABLE, DEADLINE_EXCEEDED, message)


def database_unavailable() -> DomainError:
    """UNAVAILABLE: the same call may succeed in a moment, and a request_id keeps it single."""
    return DomainError(
        ErrorKind.UNAVAILABLE,
        DATABASE_UNAVAILABLE,
        "the service's database does not answer; call again, with the same request_id",
    )


def to_status(error: DomainError, service: str) -> Status:
    """The status that tells a caller of this service about the error."""
    info = ErrorInfo(
        reason=error.reason,
        domain=service + DOMAIN_SUFFIX,
        metadata={
            key: _shortened(value, DETAIL_CHARACTERS_MAX)
            for key, value in list(error.metadata.items())[:METADATA_ENTRIES_MAX]
        },
    )
    status = Status(
        code=_code_of(error).value[0], message=_shortened(error.message, MESSAGE_CHARACTERS_MAX)
    )
    status.details.add().Pack(info)
    if error.field_violations:
        status.details.add().Pack(_bad_request(error))
    return status


def internal_status(service: str) -> Status:
    """The status for a bug: the log has the details, the caller gets none."""
    status = Status(
        code=grpc.StatusCode.INTERNAL.value[0],
        message=f"{service} failed unexpectedly; its log has the details",
    )
    status.details.add().Pack(ErrorInfo(reason=INTERNAL_ERROR, domain=service + DOMAIN_SUFFIX))
    return status


def from_rpc_error(error: grpc.aio.AioRpcError, service: str) -> DomainError | None:
    """The error that the called service meant; None when it has a bug or breaks the contract."""
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return deadline_exceeded(f"{service} did not answer before the deadline")
    kind = KIND_BY_CODE.get(error.code())
    if kind is None:
        return None
    status = rpc_status.from_call(cast(grpc.Call, error))
    if status is not None:
        return _from_status(status, kind)
    return _without_details(error, kind, service)


def _code_of(error: DomainError) -> grpc.StatusCode:
    # A missed deadline is never repeated (AIP-194), which UNAVAILABLE would invite.
    if error.reason == DEADLINE_EXCEEDED:
        return grpc.StatusCode.DEADLINE_EXCEEDED
    return CODE_BY_KIND[error.kind]


def _bad_request(error: DomainError) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(
                field=violation.field,
                description=_shortened(violation.description, DETAIL_CHARACTERS_MAX),
            )
            for violation in error.field_violations[:FIELD_VIOLATIONS_MAX]
        ]
    )


def _from_status(status: Status, kind: ErrorKind) -> DomainError | None:
    info = _detail(status, ErrorInfo())
    if info is None:
        return None
    violations = [
        FieldViolation(violation.field, violation.description)
        for violation in (_detail(status, BadRequest()) or BadRequest()).field_violations
    ]
    return DomainError(kind, info.reason, status.message, dict(info.metadata), violations)


def _detail(status: Status, empty: Detail) -> Detail | None:
    for packed in status.details:
        if packed.Unpack(empty):
            return empty
    return None


def _without_details(
    error: grpc.aio.AioRpcError, kind: ErrorKind, service: str
) -> DomainError | None:
    """What gRPC itself says: no connection, too many calls. Any other bare status is a bug."""
    if kind not in {ErrorKind.UNAVAILABLE, ErrorKind.RESOURCE_EXHAUSTED}:
        return None
    return DomainError(
        kind,
        SERVICE_UNAVAILABLE,
        f"{service} cannot be reached: {error.details()}",
        {"service": service},
    )


def _shortened(text: str, characters_max: int) -> str:
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"

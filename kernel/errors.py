"""Expected failures, as every service raises them and the chassis puts them on the wire."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class ErrorKind(Enum):
    """How a caller may react to a failure; the names are those of the gRPC status codes."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    UNAVAILABLE = "UNAVAILABLE"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of a request: its path, and the rule in words."""

    field: str
    description: str


class DomainError(Exception):
    """An expected failure: programs read `reason` and `metadata`, people read `message`.

    A reason, once published, never changes its meaning. A message names the value that was wrong
    and says what to do about it.
    """

    def __init__(
        self,
        kind: ErrorKind,
        reason: str,
        message: str,
        metadata: Mapping[str, str] | None = None,
        field_violations: Sequence[FieldViolation] = (),
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.kind = kind
        self.reason = reason
        self.message = message
        self.metadata: dict[str, str] = dict(metadata or {})
        self.field_violations: tuple[FieldViolation, ...] = tuple(field_violations)

"""Methods that read the bytes of their request and write those of their answer themselves.

That is for bulk: a message of thousands of others costs more to make than to answer.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from chassis.grpc.validation import INVALID_REQUEST
from kernel.errors import DomainError, ErrorKind

AnswerBytes = Callable[[bytes], Awaitable[bytes]]
Behaviour = TypeVar("Behaviour", bound=Callable[..., Any])
M = TypeVar("M", bound=Message)

_MARK = "answered_by_bytes"


def answered_by_bytes(name: str) -> Callable[[Behaviour], Behaviour]:
    """Have another method of the servicer answer, from bytes to bytes; it checks them by itself."""

    def mark(behaviour: Behaviour) -> Behaviour:
        setattr(behaviour, _MARK, name)
        return behaviour

    return mark


def bytes_answer_of(behaviour: Any) -> AnswerBytes | None:
    """What answers in place of a method; None where it answers by itself."""
    name = getattr(behaviour, _MARK, None)
    answer: AnswerBytes | None = name and getattr(behaviour.__self__, name)
    return answer


def parsed(kind: type[M], content: bytes) -> M:
    """The message that bytes are. Raises INVALID_REQUEST."""
    try:
        return kind.FromString(content)
    except DecodeError as error:
        raise DomainError(
            ErrorKind.INVALID_ARGUMENT,
            INVALID_REQUEST,
            f"{kind.DESCRIPTOR.name} cannot be read: {error}",
            {"field": ""},
        ) from error

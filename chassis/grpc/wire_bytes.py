"""Methods that read the bytes of their request and write those of their answer themselves.

That is for bulk: a message of thousands of others costs more to make than to answer.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from google.protobuf.message import DecodeError, Message

from chassis.grpc.validation import INVALID_REQUEST
from kernel.errors import DomainError, ErrorKind

FromBytes = Callable[..., Awaitable[bytes]]
Method = TypeVar("Method", bound=FromBytes)
M = TypeVar("M", bound=Message)

_MARK = "takes_bytes"


def takes_bytes(method: Method) -> Method:
    """Have a unary method handed the bytes of its request, which it checks by itself."""
    setattr(method, _MARK, True)
    return method


def does_take_bytes(method: Any) -> bool:
    """Whether a method takes bytes and answers with bytes."""
    return getattr(method, _MARK, False)


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

"""Refuses requests that break what their descriptors say, before a handler sees them.

Items of a list are left to the use case, which may answer each of them for itself.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from itertools import islice
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.grpc.errors import FIELD_VIOLATIONS_MAX
from chassis.grpc.interceptor import CallInterceptor
from chassis.grpc.pages import PAGE_SIZE_MAX
from kernel.errors import DomainError, ErrorKind, FieldViolation
from kernel.ids import is_uuid

INVALID_REQUEST = "INVALID_REQUEST"
TEXT_CHARACTERS_MAX = 4_000
PERSONAL_TEXT_CHARACTERS_MAX = 1_000
REPEATED_ITEMS_MAX = 5_000

REQUEST_ID = "request_id"
PAGE_SIZE = "page_size"
PERSONAL_TEXT = "tollbook.type.v1.PersonalText"
OWN_PACKAGES = "tollbook."

# What is wrong with a field of a message; None when nothing is.
Check = Callable[[Message], str | None]


class ValidationInterceptor(CallInterceptor):
    """Checks every request, and every message of a stream."""

    def incoming(self, request: Any) -> Any:
        """The request itself, once checked."""
        if not isinstance(request, Message):
            return _each_checked(request)
        check_request(request)
        return request


async def _each_checked(requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
    async for request in requests:
        check_request(request)
        yield request


def check_request(request: Message) -> None:
    """Raise INVALID_ARGUMENT INVALID_REQUEST with a violation for each wrong field."""
    violations = list(islice(_violations(request, ""), FIELD_VIOLATIONS_MAX))
    if violations:
        first = violations[0]
        raise DomainError(
            ErrorKind.INVALID_ARGUMENT,
            INVALID_REQUEST,
            f"{request.DESCRIPTOR.name}.{first.field} {first.description}",
            {"field": first.field},
            violations,
        )


def _violations(message: Message, path: str) -> Iterator[FieldViolation]:
    for name, check in _checks_of(message.DESCRIPTOR):
        problem = check(message)
        if problem is not None:
            yield FieldViolation(path + name, problem)
    for name in _submessages_of(message.DESCRIPTOR):
        if message.HasField(name):
            yield from _violations(getattr(message, name), f"{path}{name}.")


@cache
def _submessages_of(descriptor: Descriptor) -> list[str]:
    """The fields that hold one message of our own contracts."""
    return [
        field.name
        for field in descriptor.fields
        if field.message_type is not None
        and not field.is_repeated
        and field.message_type.full_name.startswith(OWN_PACKAGES)
    ]


@cache
def _checks_of(descriptor: Descriptor) -> list[tuple[str, Check]]:
    """What each field of a message has to satisfy."""
    return [(field.name, check) for field in descriptor.fields for check in _checks_for(field)]


def _checks_for(field: FieldDescriptor) -> Iterator[Check]:
    options: Any = field.GetOptions()
    behaviours = options.Extensions[field_behavior_pb2.field_behavior]
    is_text = field.type == FieldDescriptor.TYPE_STRING
    if field.name == REQUEST_ID and is_text:
        yield _is_uuid
        return
    if field_behavior_pb2.REQUIRED in behaviours:
        yield _is_set(field)
    if field.name == PAGE_SIZE:
        yield _is_page_size
    if field.is_repeated:
        yield _is_short_list(field)
    if is_text:
        yield _is_good_text(field)
    if field.type == FieldDescriptor.TYPE_ENUM:
        yield _is_known_number(field)


def _is_uuid(message: Message) -> str | None:
    request_id: str = getattr(message, REQUEST_ID)
    if is_uuid(request_id):
        return None
    return f"is {request_id[:40]!r}; give every request a UUID of its own, in small letters"


def _is_page_size(message: Message) -> str | None:
    size: int = getattr(message, PAGE_SIZE)
    if size >= 0:
        return None
    return f"is {size}; give 0 for the default or 1 to {PAGE_SIZE_MAX}"


def _is_set(field: FieldDescriptor) -> Check:
    name, default = field.name, field.default_value

    def is_present(message: Message) -> str | None:
        return None if message.HasField(name) else "is required"

    def is_not_default(message: Message) -> str | None:
        value = getattr(message, name)
        is_unset = not value if field.is_repeated else value == default
        return "is required" if is_unset else None

    return is_present if field.has_presence else is_not_default


def _is_short_list(field: FieldDescriptor) -> Check:
    name = field.name

    def check(message: Message) -> str | None:
        count = len(getattr(message, name))
        if count <= REPEATED_ITEMS_MAX:
            return None
        return f"has {count} items; send at most {REPEATED_ITEMS_MAX} at once"

    return check


def _is_good_text(field: FieldDescriptor) -> Check:
    name = field.name
    is_personal = field.full_name.startswith(PERSONAL_TEXT + ".")
    limit = PERSONAL_TEXT_CHARACTERS_MAX if is_personal else TEXT_CHARACTERS_MAX

    def check(message: Message) -> str | None:
        value = getattr(message, name)
        texts = value if field.is_repeated else (value,)
        return next(filter(None, (_problem_of_text(text, limit) for text in texts)), None)

    return check


def _is_known_number(field: FieldDescriptor) -> Check:
    assert field.enum_type is not None, "it is asked for enumerations only"
    name, names = field.name, field.enum_type.values_by_number

    def check(message: Message) -> str | None:
        value = getattr(message, name)
        numbers = value if field.is_repeated else (value,)
        unknown = next((number for number in numbers if number not in names), None)
        return None if unknown is None else f"is {unknown}; give a value of the enumeration"

    return check


def _problem_of_text(text: str, characters_max: int) -> str | None:
    if len(text) > characters_max:
        return f"has {len(text)} characters; give at most {characters_max}"
    # PostgreSQL cannot store it, and no honest text has it.
    if "\0" in text:
        return "has a NUL character; remove it"
    return None

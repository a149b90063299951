"""Refuses requests that break what their descriptors say, before a handler sees them.

Items of a list are left to the use case, which may answer each of them for itself.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import cache
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.grpc.errors import FIELD_VIOLATIONS_MAX
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


def checked(request: Message) -> Message:
    """The request itself. Raises INVALID_REQUEST."""
    check_request(request)
    return request


async def each_checked(requests: AsyncIterator[Message]) -> AsyncIterator[Message]:
    """The requests of a stream as they come. Raises INVALID_REQUEST at the first bad one."""
    async for request in requests:
        check_request(request)
        yield request


def check_request(request: Message) -> None:
    """Raise INVALID_ARGUMENT INVALID_REQUEST with a violation for each wrong field."""
    violations = _violations(request, "")
    if violations:
        first = violations[0]
        raise DomainError(
            ErrorKind.INVALID_ARGUMENT,
            INVALID_REQUEST,
            f"{request.DESCRIPTOR.name}.{first.field} {first.description}",
            {"field": first.field},
            violations[:FIELD_VIOLATIONS_MAX],
        )


def _violations(message: Message, path: str) -> list[FieldViolation]:
    checks, submessages = _rules_of(message.DESCRIPTOR)
    violations = [
        FieldViolation(path + name, problem)
        for name, check in checks
        if (problem := check(message)) is not None
    ]
    for name in submessages:
        if message.HasField(name):
            violations += _violations(getattr(message, name), f"{path}{name}.")
    return violations


@cache
def _rules_of(descriptor: Descriptor) -> tuple[list[tuple[str, Check]], list[str]]:
    """What each field has to satisfy, and the fields that hold one message of our contracts."""
    checks = [(field.name, check) for field in descriptor.fields for check in _checks_for(field)]
    submessages = [
        field.name
        for field in descriptor.fields
        if field.message_type is not None
        and not field.is_repeated
        and field.message_type.full_name.startswith(OWN_PACKAGES)
    ]
    return checks, submessages


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
    name = field.name

    def is_present(message: Message) -> str | None:
        return None if message.HasField(name) else "is required"

    def is_not_empty(message: Message) -> str | None:
        return None if getattr(message, name) else "is required"

    return is_present if field.has_presence else is_not_empty


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

    def check_one(message: Message) -> str | None:
        return _problem_of_text(getattr(message, name), limit)

    def check_each(message: Message) -> str | None:
        texts = getattr(message, name)
        return next(filter(None, (_problem_of_text(text, limit) for text in texts)), None)

    return check_each if field.is_repeated else check_one


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

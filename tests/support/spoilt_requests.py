"""Requests that nobody should send: good ones with a few absurd values in them."""

from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from kernel.ids import new_uuid

SPOILT_FIELDS_MAX = 3
DEPTH_MAX = 6
ITEMS_MAX = 3
CLEARED_SHARE = 0.1
ADDED_SHARE = 0.3

TEXTS = [
    "", " ", "\0", "a\0b", "a" * 10_000, "é\u202e\n", "-1", "0", "1e400", "NaN", "0.0000000000001",
    "99999999999999999999", "٣١٦", "+", "31612345678", "+31612345678", "112", "000", "EUR", "USD",
    "EURO", "UTC", "Europe/Nowhere", "../../etc/passwd", "code", "eyJhIjoxfQ", "*", "\ud7ff",
]  # fmt: skip
# The ends of what an integer field may hold are tried beside these.
INTEGERS = [0, 1, -1, 7, 23, 60, 10**6, 10**12, 10**15]
BYTES = [b"", b"\0", b"\xff" * 16, b"a,b\n" * 2_500, bytes(range(256))]

_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
# Moments and spans at which calendars and clocks end.
SECONDS = [
    0, 1, -1, 1_772_323_200, 7_258_118_400, -62_135_596_800, 253_402_300_799, 253_402_300_800
]  # fmt: skip
NANOS = [0, 1, -1, 999_999_999, 10**9, 500_000, -(2**31)]


_TIMES = {"google.protobuf.Timestamp", "google.protobuf.Duration"}


class Spoiler:
    """Spoils requests; the same seed spoils them alike."""

    def __init__(self, seed: int, known_ids: list[str]) -> None:
        self._random = Random(seed)
        self._texts = [*TEXTS, *known_ids]

    def spoil(self, request: Message) -> None:
        """Change one field or a few, at any depth."""
        for _ in range(self._random.randint(1, SPOILT_FIELDS_MAX)):
            self._spoil_one(request, DEPTH_MAX)

    def _spoil_one(self, message: Message, depth: int) -> None:
        fields = _fields(message)
        if not fields:
            return
        field = self._random.choice(fields)
        child = self._child(message, field) if field.message_type is not None and depth else None
        if child is not None:
            self._spoil_one(child, depth - 1)
            return
        message.ClearField(field.name)
        if self._random.random() >= CLEARED_SHARE:
            self._set(message, field)

    def _child(self, message: Message, field: FieldDescriptor) -> Message | None:
        """A message to spoil in its turn; None to clear the field, or to fill a list."""
        value: Any = getattr(message, field.name)
        if self._random.random() < CLEARED_SHARE:
            return None
        if not field.is_repeated:
            value.SetInParent()
            return value
        if not value or self._random.random() < ADDED_SHARE:
            value.add()
        return self._random.choice(value)

    def _set(self, message: Message, field: FieldDescriptor) -> None:
        value: Any = getattr(message, field.name)
        if field.message_type is not None:
            for _ in range(self._random.randint(1, ITEMS_MAX) if field.is_repeated else 0):
                value.add()
        elif field.is_repeated:
            value.extend(
                self._scalar(message, field) for _ in range(self._random.randint(1, ITEMS_MAX))
            )
        else:
            setattr(message, field.name, self._scalar(message, field))

    def _scalar(self, message: Message, field: FieldDescriptor) -> Any:
        if field.cpp_type == FieldDescriptor.CPPTYPE_STRING:
            is_text = field.type == FieldDescriptor.TYPE_STRING
            return self._random.choice([*self._texts, new_uuid()] if is_text else BYTES)
        if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
            return True
        if field.enum_type is not None:
            return self._random.choice([*field.enum_type.values_by_number, 99, -1])
        if message.DESCRIPTOR.full_name in _TIMES:
            return self._random.choice(SECONDS if field.name == "seconds" else NANOS)
        return self._integer(field)

    def _integer(self, field: FieldDescriptor) -> int:
        least, most = _RANGES[field.cpp_type]
        inside = [number for number in INTEGERS if least <= number <= most]
        return self._random.choice([least, most, *inside])


def _fields(message: Message) -> list[FieldDescriptor]:
    descriptor: Any = message.DESCRIPTOR
    return list(descriptor.fields)

"""Identifiers: time-ordered UUIDs of resources, deterministic 16-byte keys of calls and charges."""

import hashlib
import re
import secrets
import threading
import time
from datetime import datetime
from uuid import UUID

from kernel.clock import MICROS_PER_MS, to_micros
from kernel.errors import DomainError, ErrorKind

KEY_TIME_BYTES = 6
KEY_HASH_BYTES = 10
_PART_LENGTH_BYTES = 4

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NANOS_PER_MILLISECOND = 1_000_000

# UUIDv7 (RFC 9562, section 5.7): 48 bits of milliseconds, then 12 + 62 bits of our own.
_RANDOM_BITS = 74
_LOW_BITS = 62
_VERSION = 7 << 76
_VARIANT = 0b10 << 62
# An id that has to follow another of its millisecond stays hard to guess.
_STEP_BITS = 32


class _Sequence:
    """The time and random bits of the last UUID of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        now = time.time_ns() // _NANOS_PER_MILLISECOND
        fresh = (now << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        with self._lock:
            # The second is larger within a millisecond, and when the clock was set back.
            self._last = max(fresh, self._last + 1 + secrets.randbits(_STEP_BITS))
            return self._last


_sequence = _Sequence()


def new_uuid() -> str:
    """A new UUIDv7 as text, larger than every one made before in this process."""
    value = _sequence.next()
    timestamp = value >> _RANDOM_BITS
    high = (value >> _LOW_BITS) & 0xFFF
    low = value & ((1 << _LOW_BITS) - 1)
    return str(UUID(int=timestamp << 80 | _VERSION | high << 64 | _VARIANT | low))


def is_uuid(text: str) -> bool:
    """Whether a text is a UUID as this suite writes it: small letters, with hyphens.

    Ids are compared as text, so one UUID must have one spelling.
    """
    return _UUID.fullmatch(text) is not None


def time_key(start: datetime, *parts: str | bytes) -> bytes:
    """The 16-byte key of what began at `start` and is told apart by `parts`.

    Six bytes of milliseconds since 1970 keep keys in the order of time, ten bytes of hash keep
    them apart. The same input has the same key for ever. TIME_OUT_OF_RANGE before 1970.
    """
    milliseconds = to_micros(start) // MICROS_PER_MS
    if milliseconds < 0:
        raise DomainError(
            ErrorKind.INVALID_ARGUMENT,
            "TIME_OUT_OF_RANGE",
            f"{start.isoformat()} is before 1970; correct the clock or the record of the source",
            {"time": start.isoformat()},
        )
    return milliseconds.to_bytes(KEY_TIME_BYTES) + hash_parts(*parts)[:KEY_HASH_BYTES]


def hash_parts(*parts: str | bytes) -> bytes:
    """SHA-256 over the parts, each after its length, so that no two lists of parts run together."""
    return hashlib.sha256(b"".join(map(hashed_part, parts))).digest()


def hashed_part(part: str | bytes) -> bytes:
    """A part as `hash_parts` takes it."""
    content = part.encode() if isinstance(part, str) else part
    return len(content).to_bytes(_PART_LENGTH_BYTES) + content

"""What a session asks of payment: holds that are placed, changed, captured and given back.

Ids follow from what a step is for, so that whoever repeats it repeats the same.
"""

from __future__ import annotations

import uuid
from typing import NamedTuple

from kernel.ids import hash_parts

_UUID_BYTES = 16
# RFC 9562, section 5.8: a UUID of bits of our own making.
_VERSION, _VERSION_MASK = 8 << 76, 0xF << 76
_VARIANT, _VARIANT_MASK = 0b10 << 62, 0b11 << 62


class PlaceHold(NamedTuple):
    """Set money aside: all of `amount_micros`, or what there is from `minimum_micros` on."""

    request_id: str
    hold_id: str
    account_id: str
    currency: str
    amount_micros: int
    minimum_micros: int
    validity_seconds: int
    reference: str


class ChangeHold(NamedTuple):
    """Set aside more or less, in all and from now on."""

    request_id: str
    hold_id: str
    currency: str
    amount_micros: int
    minimum_micros: int
    validity_seconds: int


class CaptureHold(NamedTuple):
    """Take what a charge revision comes to, and end the hold."""

    request_id: str
    hold_id: str
    charge_id: bytes
    revision: int
    currency: str
    amount_micros: int
    event_partition: int
    event_sequence: int


class ReleaseHold(NamedTuple):
    """Give back what is held."""

    request_id: str
    hold_id: str


TransferStep = PlaceHold | ChangeHold | CaptureHold | ReleaseHold


class Held(NamedTuple):
    """The step was executed, now or when it was asked for first: so much is held, until then."""

    held_micros: int
    expire_micros: int


class NotHeld(NamedTuple):
    """The step changed nothing, for this reason of payment."""

    reason: str


StepResult = Held | NotHeld


def hold_id_of(tenant_id: str, session_id: str, start_micros: int, level: int) -> str:
    """The hold of one paying party of a session; the start tells calls of a reused id apart."""
    digest = hash_parts(tenant_id, session_id, str(start_micros), str(level))[:_UUID_BYTES]
    bits = int.from_bytes(digest) & ~(_VERSION_MASK | _VARIANT_MASK)
    return str(uuid.UUID(int=bits | _VERSION | _VARIANT))


def hold_key(hold_id: str) -> bytes:
    """A hold's id as events carry it."""
    return bytes.fromhex(hold_id.replace("-", ""))

"""A charge: what one party pays for one leg of a call, or for one fee; and its identity."""

import hashlib
from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from kernel.clock import MICROS_PER_MS, from_micros
from kernel.ids import KEY_HASH_BYTES, KEY_TIME_BYTES, hashed_part, time_key
from services.rating.domain.charges.settlement import InputKind, Outcome, Settled
from services.rating.domain.usage import Service


class ChargeKind(IntEnum):
    """What a charge is for; the values are those of tollbook.rating.v1.ChargeKind."""

    CALL = 1
    RECURRING_FEE = 2
    SMS = 3
    DATA = 4
    DID_RENTAL = 5
    ONE_OFF_FEE = 6
    VOLUME_ADJUSTMENT = 7


KIND_OF_SERVICE: dict[int, ChargeKind] = {
    Service.VOICE: ChargeKind.CALL,
    Service.SMS: ChargeKind.SMS,
    Service.DATA: ChargeKind.DATA,
    Service.DID_RENTAL: ChargeKind.DID_RENTAL,
}


class Party(IntEnum):
    """Who is charged; the values are those of tollbook.type.v1.Party."""

    CUSTOMER = 1
    RESELLER = 2
    SUPPLIER = 3


class CallKeyKind(IntEnum):
    """The kinds of call key that rating makes itself; see tollbook.type.v1.CallKeyKind."""

    OTHER = 6
    SUBSCRIPTION = 7
    VOLUME_COUNTER = 8


# Not set, and those that rating gives to charges of its own making.
OWN_KEY_KINDS = frozenset({0, CallKeyKind.SUBSCRIPTION, CallKeyKind.VOLUME_COUNTER})


class ChargeRevision(NamedTuple):
    """One settlement of a charge, in the order of its columns; times are microseconds."""

    charge_id: bytes
    revision: int
    tenant_id: str
    kind: int
    party: int
    party_level: int
    call_key_kind: int
    call_key: str
    leg: str
    call_id: bytes | None
    call_revision: int
    source: int
    account_id: str
    payer_account_id: str
    outcome: int
    unrated_reason: str
    currency: str
    amount_micros: int
    amount_delta_micros: int
    usage_line: str
    prefix: str
    period_start: int | None
    period_end: int | None
    correction: int
    start_time: int
    duration_ms: int
    charged_ms: int
    receipt: bytes
    settle_time: int
    opened_partition: int
    opened_sequence: int

    @property
    def settled(self) -> Settled:
        """The state that this revision leaves the charge in."""
        return Settled(
            self.revision,
            Outcome(self.outcome),
            self.unrated_reason,
            self.amount_micros,
            InputKind(self.source),
            self.call_id,
            self.call_revision,
        )


def party_key(party: int, level: int) -> str:
    """How a charge's identity names who is charged."""
    return f"{party}.{level}" if level else str(party)


def charge_id(start_micros: int, tenant_id: str, call_key_kind: int, *identity: str) -> bytes:
    """The id of a charge: identity is call key, leg and party, as text.

    A charge never changes its account. Where two accounts have calls of the same key, leg and
    start, the second one's charge has its account as a further part of the identity.
    """
    return time_key(from_micros(start_micros), tenant_id, str(call_key_kind), *identity)


def call_charge_ids(
    tenant_id: str,
    starts_micros: Sequence[int],
    call_key_kinds: Sequence[int],
    call_keys: Sequence[str],
    legs: Sequence[str],
    parties: Sequence[str],
) -> list[bytes]:
    """`charge_id` of calls, a column at once: what repeats is encoded once.

    `parties` are party keys.
    """
    heads = {kind: hashed_part(tenant_id) + hashed_part(str(kind)) for kind in set(call_key_kinds)}
    ends = set(zip(legs, parties, strict=True))
    tails = {(leg, party): hashed_part(leg) + hashed_part(party) for leg, party in ends}
    sha256 = hashlib.sha256
    return [
        (start // MICROS_PER_MS).to_bytes(KEY_TIME_BYTES)
        + sha256(heads[kind] + hashed_part(call_key) + tails[leg, party]).digest()[:KEY_HASH_BYTES]
        for start, kind, call_key, leg, party in zip(
            starts_micros, call_key_kinds, call_keys, legs, parties, strict=True
        )
    ]

"""The hash chain: what makes a changed, removed or reordered entry show.

Canonical form of an entry, version 1. It never changes; a new form gets a new first field.
Text is its length in UTF-8 bytes (4 bytes) and the bytes; a number has 8 bytes, signed; all
big-endian. In this order:

     1  text    "tollbook.journal-entry.1"
     2  text    tenant
     3  text    legal entity
     4  number  partition
     5  number  place in the chain, from 1
     6  text    the entry's id, a UUID in small letters
     7  number  reason (EntryReason)
     8  text    reference
     9  text    actor
    10  number  time of writing, microseconds since 1970-01-01 UTC
    11  text    producer of the event that caused it; empty when a request did
    12  number  partition of that event; 0 when a request did
    13  number  sequence of that event; 0 when a request did
    14  number  how many postings; for each, in their order:
                number kind of ledger account, text account, text currency, number micros

The hash of an entry is SHA-256 over the hash of the entry before it (32 zero bytes before the
first) and its own canonical form.

A chain's leaf in the ledger's Merkle tree, version 1: text "tollbook.chain-head.1", text tenant,
text legal entity, number partition, number place of the newest entry, and its hash (32 bytes).
The leaves stand in the order of tenant, legal entity and partition.
"""

import struct
from binascii import hexlify
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import count
from typing import NamedTuple, Self
from uuid import UUID

from kernel.clock import from_micros, to_micros
from kernel.ids import hash_parts
from services.payment.domain.ledger.entries import EventSource, JournalEntry, Posting

CANONICAL_FORM = "tollbook.journal-entry.1"
LEAF_FORM = "tollbook.chain-head.1"
GENESIS_HASH = bytes(32)
CHAIN_ID_BYTES = 16
_KEY_BYTES = 16
# Forms of names, times and events that are kept at hand, of each kind.
NAMES_IN_FORM_MAX = 20_000

# A number as the canonical forms have it.
number_form = struct.Struct(">q").pack
_length = struct.Struct(">I").pack
# Fields 5 to 7 of an entry, and the length of field 8.
_UUID_BYTES = 36
_uuid_parts = struct.Struct("8s4s4s4s12s").unpack
_place_form = struct.Struct(f">qI{_UUID_BYTES}sqI").pack
_NO_SOURCE = EventSource("", 0, 0)

# A UUID of version 8 (RFC 9562): 48 bits of milliseconds, 12 of the microseconds within, then 32
# of the place in the chain and 30 that tell chains apart. So ids follow the order of a chain, and
# a range of time is a range of ids.
_MILLISECONDS_SHIFT, _VERSION_SHIFT, _MICROSECONDS_SHIFT = 80, 76, 64
_VERSION, _VARIANT = 8 << _VERSION_SHIFT, 0b10 << 62
_PLACE_BITS, _CHAIN_BITS = 32, 30


@dataclass(frozen=True, order=True)
class Chain:
    """A chain's name: entries of one legal entity in one partition."""

    tenant_id: str
    legal_entity_id: str
    partition: int

    @cached_property
    def canonical_name(self) -> bytes:
        """The first fields of the canonical form of each of its entries."""
        names = text_form(self.tenant_id) + text_form(self.legal_entity_id)
        return text_form(CANONICAL_FORM) + names + number_form(self.partition)

    @cached_property
    def chain_id(self) -> bytes:
        """The chain's key in the store."""
        parts = hash_parts(self.tenant_id, self.legal_entity_id, str(self.partition))
        return parts[:CHAIN_ID_BYTES]

    def __str__(self) -> str:
        return (
            f"tenant {self.tenant_id}, legal entity {self.legal_entity_id}, "
            f"partition {self.partition}"
        )


class ChainedEntry(NamedTuple):
    """An entry in its place, as it is stored; whether it holds is what `broken_link` tells."""

    key: bytes
    """Its id, as it is stored."""
    chain_sequence: int
    create_time: datetime
    reason: int
    reference: str
    actor: str
    source: EventSource | None
    postings: tuple[Posting, ...]
    hash: bytes

    @property
    def journal_entry_id(self) -> UUID:
        """Its id."""
        return UUID(bytes=self.key)


Unhashed = tuple[bytes, int, datetime, int, str, str, EventSource | None, tuple[Posting, ...]]
"""The fields of a chained entry before it has its hash."""


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far a chain has come: place, hash and time of its newest entry."""

    chain: Chain
    sequence: int
    hash: bytes
    newest_time: datetime

    @classmethod
    def genesis(cls, chain: Chain) -> Self:
        """The head of a chain without entries."""
        return cls(chain, 0, GENESIS_HASH, from_micros(0))

    def link(self, entries: Iterable[JournalEntry], now: datetime) -> list[ChainedEntry]:
        """Put entries in the next places. Time never goes back within a chain."""
        create_time = max(now, self.newest_time)
        ids = _ids_from(self.chain, self.sequence + 1, create_time)
        chained, newest_hash = [], self.hash
        for sequence, (entry_id, entry) in enumerate(zip(ids, entries), self.sequence + 1):  # noqa: B905 ids have no end
            unhashed = (
                entry_id,
                sequence,
                create_time,
                int(entry.reason),
                entry.reference,
                entry.actor,
                entry.source,
                entry.postings,
            )
            newest_hash = link_hash(newest_hash, self.chain, unhashed)
            chained.append(ChainedEntry(*unhashed, newest_hash))
        return chained

    def after(self, entry: ChainedEntry) -> "ChainHead":
        """The head when `entry` is the newest."""
        return ChainHead(self.chain, entry.chain_sequence, entry.hash, entry.create_time)

    def leaf(self) -> bytes:
        """The chain's leaf in the ledger's Merkle tree."""
        chain = self.chain
        names = text_form(LEAF_FORM) + text_form(chain.tenant_id) + text_form(chain.legal_entity_id)
        return names + number_form(chain.partition) + number_form(self.sequence) + self.hash


def canonical_bytes(chain: Chain, entry: Unhashed) -> bytes:
    """The form of an entry that is hashed: see this module's head, field by field."""
    key, sequence, moment, reason, reference, actor, source, postings = entry
    entry_id, name = b"-".join(_uuid_parts(hexlify(key))), reference.encode()
    fields = [
        chain.canonical_name,
        _place_form(sequence, _UUID_BYTES, entry_id, reason, len(name)),
        name,
        _circumstances_form(actor, moment, source, len(postings)),
    ]
    for kind, account_id, currency, micros in postings:
        fields += _ledger_account_form(kind, account_id, currency), number_form(micros)
    return b"".join(fields)


def link_hash(previous: bytes, chain: Chain, entry: Unhashed) -> bytes:
    """The hash that an entry has as the next link after the one with the hash `previous`."""
    return sha256(previous + canonical_bytes(chain, entry)).digest()


def broken_link(head: ChainHead, entry: ChainedEntry) -> str:
    """What is wrong with a stored entry as the next link, in words; empty when it holds."""
    if entry.chain_sequence != head.sequence + 1:
        return f"entry {head.sequence + 1} is missing: {entry.chain_sequence} follows"
    if entry.hash != link_hash(head.hash, head.chain, entry[:-1]):
        return f"entry {entry.chain_sequence} is not what was written: its hash differs"
    return ""


def _ids_from(chain: Chain, first_sequence: int, create_time: datetime) -> Iterator[bytes]:
    """The ids of the entries from a place on: the same place and time have the same id."""
    distinct = int.from_bytes(chain.chain_id) % (1 << _CHAIN_BITS)
    first = first_id_from(create_time).int | distinct
    for sequence in count(first_sequence):
        yield (first | sequence % (1 << _PLACE_BITS) << _CHAIN_BITS).to_bytes(_KEY_BYTES)


def first_id_from(moment: datetime) -> UUID:
    """The smallest id that an entry written at `moment` or later can have."""
    milliseconds, microseconds = divmod(max(to_micros(moment), 0), 1_000)
    time_bits = milliseconds << _MILLISECONDS_SHIFT | microseconds << _MICROSECONDS_SHIFT
    return UUID(int=time_bits | _VERSION | _VARIANT)


def text_form(value: str) -> bytes:
    """A text as the canonical forms have it."""
    content = value.encode()
    return _length(len(content)) + content


# What stands in many entries is put into form once.
@lru_cache(maxsize=NAMES_IN_FORM_MAX)
def _ledger_account_form(kind: int, account_id: str, currency: str) -> bytes:
    return number_form(kind) + text_form(account_id) + text_form(currency)


@lru_cache(maxsize=NAMES_IN_FORM_MAX)
def _circumstances_form(
    actor: str, moment: datetime, source: EventSource | None, posting_count: int
) -> bytes:
    """Fields 9 to 13 of an entry, and how many postings it has."""
    producer, partition, sequence = source or _NO_SOURCE
    event = text_form(producer) + number_form(partition) + number_form(sequence)
    return text_form(actor) + number_form(to_micros(moment)) + event + number_form(posting_count)

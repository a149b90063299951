"""Takes records in: the one way by which those of every door become calls, or go to suspense."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import to_micros
from kernel.ids import new_uuid
from services.cdr.domain.records import RawRecord, Rejection
from services.cdr.domain.source import Source
from services.cdr.store.suspense import SuspendedRow, known_digests, suspend
from services.cdr.store.tallies import add_to_tally, lock_intake
from services.cdr.usecases.book_calls import Known, book_calls, decide
from services.cdr.usecases.collected_event import Accepted
from services.cdr.usecases.reading import Reading

RECORDS_PER_BATCH = 2_000


class Outcome(Enum):
    """How a record ended: received = accepted + duplicate + suspended, always."""

    ACCEPTED = 1
    DUPLICATE = 2
    SUSPENDED = 3


class Result(NamedTuple):
    """What became of one record."""

    outcome: Outcome
    call_id: bytes = b""
    rejection: Rejection | None = None
    suspended_record_id: str = ""


def collect_records(uow: UnitOfWork, source: Source, readings: Sequence[Reading]) -> list[Result]:
    """Store a batch of at most 5,000 records and publish CallsCollected; a result for each."""
    lock_intake(uow.connection, source.tenant_id, source.source_id)
    decisions = decide(uow.connection, source, [reading.outcome for reading in readings])
    book_calls(uow, source, [each for each in decisions if isinstance(each, Accepted)])
    suspense = _Suspense(uow, source, readings, decisions)
    results = [suspense.result(*pair) for pair in zip(readings, decisions, strict=True)]
    suspend(uow.connection, suspense.rows)
    duplicates = Counter(result.outcome for result in results)[Outcome.DUPLICATE]
    add_to_tally(uow.connection, source.tenant_id, source.source_id, len(readings), duplicates)
    return results


class _Suspense:
    """Gathers the records of a batch that are to be kept, each once."""

    def __init__(
        self,
        uow: UnitOfWork,
        source: Source,
        readings: Sequence[Reading],
        decisions: Sequence[Accepted | Known | Rejection],
    ) -> None:
        self.rows: list[SuspendedRow] = []
        self._source = source
        self._now = to_micros(uow.now)
        self._digests = {
            id(reading): digest_of(reading.raw)
            for reading, decision in zip(readings, decisions, strict=True)
            if isinstance(decision, Rejection)
        }
        self._known = known_digests(
            uow.connection, source.tenant_id, source.source_id, self._digests.values()
        )

    def result(self, reading: Reading, decision: Accepted | Known | Rejection) -> Result:
        match decision:
            case Accepted():
                return Result(Outcome.ACCEPTED, decision.call.call_id)
            case Known():
                return Result(Outcome.DUPLICATE, decision.call_id)
            case Rejection():
                return self._suspend(reading, decision)

    def _suspend(self, reading: Reading, rejection: Rejection) -> Result:
        digest = self._digests[id(reading)]
        if digest in self._known:
            return Result(Outcome.DUPLICATE)
        self._known.add(digest)
        suspended_record_id = new_uuid()
        self.rows.append(
            SuspendedRow(
                self._source.tenant_id,
                suspended_record_id,
                self._source.source_id,
                reading.raw.origin,
                reading.raw.content,
                digest,
                rejection.reason.value,
                rejection.message,
                int(self._source.profile.line_rule),
                line_identifier_of(reading),
                self._now,
            )
        )
        return Result(Outcome.SUSPENDED, b"", rejection, suspended_record_id)


def digest_of(raw: RawRecord) -> bytes:
    """Digest of the whole record as received."""
    return raw.digest or hashlib.sha256(raw.content).digest()


def line_identifier_of(reading: Reading) -> str:
    """What the record calls its line, as far as it could be read."""
    return "" if isinstance(reading.outcome, Rejection) else reading.outcome.line_identifier

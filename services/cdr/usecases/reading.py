"""Finds the reader of a source: its parser, its way to cut files, and its profile."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from kernel.clock import to_micros
from services.cdr.domain.errors import format_has_no_files
from services.cdr.domain.formats import asterisk_csv, freeswitch_json
from services.cdr.domain.framing import Framer, document_framer, line_framer
from services.cdr.domain.normalisation import Parser, Reader
from services.cdr.domain.records import NormalisedCall, RawRecord, Rejection
from services.cdr.domain.source import RecordFormat, Source
from services.cdr.usecases import grpc_record

READERS_CACHED_MAX = 500

_PARSERS: dict[RecordFormat, Parser] = {
    RecordFormat.ASTERISK_CSV: asterisk_csv.parse,
    RecordFormat.FREESWITCH_JSON: freeswitch_json.parse,
    RecordFormat.GRPC: grpc_record.parse,
}


class Reading(NamedTuple):
    """A record and what it was read as."""

    raw: RawRecord
    outcome: NormalisedCall | Rejection


def read_records(source: Source, raws: Iterable[RawRecord], now: datetime) -> list[Reading]:
    """Read records by the profile of their source. Pure: done before the transaction begins."""
    reader, now_micros = _reader(source), to_micros(now)
    return [Reading(raw, reader.read(raw, now_micros)) for raw in raws]


def framer_for(source: Source, name: str) -> Framer:
    """Cuts a file of this source into records. Raises FORMAT_HAS_NO_FILES."""
    match source.format:
        case RecordFormat.ASTERISK_CSV:
            return line_framer(name)
        case RecordFormat.FREESWITCH_JSON:
            return document_framer(name)
        case RecordFormat.GRPC:
            raise format_has_no_files(source.code)


@lru_cache(maxsize=READERS_CACHED_MAX)
def _reader(source: Source) -> Reader:
    """A changed source is another key, so a reader never uses an old profile."""
    return Reader(source, _PARSERS[source.format])

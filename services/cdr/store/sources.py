"""Stores sources; a source is found by its id, or by its code when equipment names it."""

from typing import Any

from sqlalchemy import Connection, Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from kernel.e164 import NumberPlan
from services.cdr.domain.errors import etag_mismatch, source_code_taken, source_not_found
from services.cdr.domain.source import ConflictRule, LineRule, RecordFormat, Source, SourceProfile
from services.cdr.store.schema import source_table, tally_table

_columns = source_table.c


def add_source(connection: Connection, source: Source) -> None:
    """Store a new source with its tally. Raises SOURCE_CODE_TAKEN."""
    savepoint = connection.begin_nested()
    try:
        connection.execute(insert(source_table), _to_row(source))
    except IntegrityError as error:
        savepoint.rollback()
        raise source_code_taken(source.code) from error
    savepoint.commit()
    tally = {
        "tenant_id": source.tenant_id,
        "source_id": source.source_id,
        "received_count": 0,
        "duplicate_count": 0,
    }
    connection.execute(insert(tally_table), tally)


def change_source(connection: Connection, source: Source) -> None:
    """Store the next version of a source. Raises ETAG_MISMATCH when somebody was faster."""
    changed = connection.execute(
        update(source_table)
        .where(
            _columns.tenant_id == source.tenant_id,
            _columns.source_id == source.source_id,
            _columns.version == source.version - 1,
        )
        .values(_to_row(source))
    )
    if changed.rowcount == 0:
        raise etag_mismatch(source.source_id)


def get_source(connection: Connection, tenant_id: str, source_id: str) -> Source:
    """The source with this id. Raises SOURCE_NOT_FOUND."""
    return _find(connection, tenant_id, _columns.source_id == source_id, source_id)


def get_source_by_code(connection: Connection, tenant_id: str, code: str) -> Source:
    """The source with this code. Raises SOURCE_NOT_FOUND."""
    return _find(connection, tenant_id, _columns.code == code, code)


def list_sources(
    connection: Connection, tenant_id: str, after_code: str, limit: int
) -> list[Source]:
    """The tenant's sources whose codes follow `after_code`, by code."""
    rows = connection.execute(
        select(source_table)
        .where(_columns.tenant_id == tenant_id, _columns.code > after_code)
        .order_by(_columns.code)
        .limit(limit)
    )
    return [_from_row(row) for row in rows]


def _find(connection: Connection, tenant_id: str, condition: Any, shown: str) -> Source:
    query = select(source_table).where(_columns.tenant_id == tenant_id, condition)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise source_not_found(shown)
    return _from_row(row)


def _to_row(source: Source) -> dict[str, Any]:
    profile, numbers = source.profile, source.profile.numbers
    return {
        "tenant_id": source.tenant_id,
        "source_id": source.source_id,
        "code": source.code,
        "format": int(source.format),
        "time_zone": profile.time_zone,
        "country_code": numbers.country_code,
        "national_prefix": numbers.national_prefix,
        "international_prefixes": " ".join(numbers.international_prefixes),
        "short_codes": " ".join(sorted(numbers.short_codes)),
        "emergency_numbers": " ".join(sorted(numbers.emergency_numbers)),
        "line_rule": int(profile.line_rule),
        "call_key_kind": profile.call_key_kind,
        "conflict_rule": int(profile.conflict_rule),
        "duration_max_ms": profile.duration_max_ms,
        "push_secret_digest": source.push_secret_digest,
        "create_time": source.create_time,
        "version": source.version,
    }


def _from_row(row: Row[Any]) -> Source:
    numbers = NumberPlan(
        row.country_code,
        row.national_prefix,
        tuple(row.international_prefixes.split()),
        frozenset(row.short_codes.split()),
        frozenset(row.emergency_numbers.split()),
    )
    profile = SourceProfile(
        numbers=numbers,
        line_rule=LineRule(row.line_rule),
        call_key_kind=row.call_key_kind,
        time_zone=row.time_zone,
        conflict_rule=ConflictRule(row.conflict_rule),
        duration_max_ms=row.duration_max_ms,
    )
    return Source(
        row.tenant_id,
        row.source_id,
        row.code,
        RecordFormat(row.format),
        profile,
        row.create_time,
        row.version,
        bytes(row.push_secret_digest),
    )

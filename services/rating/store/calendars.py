"""Holiday calendars: their newest dates, and what these were before."""

import json
from collections.abc import Collection
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, select, update

from chassis.database.insert import insert_if_new
from services.rating.domain.plans.time_bands import HolidayCalendar
from services.rating.store.tariff_schema import calendar, calendar_revision


class StoredCalendar(NamedTuple):
    """A calendar with its newest dates, in order."""

    calendar_id: str
    code: str
    display_name: str
    dates: tuple[date, ...]
    revision: int
    create_time: datetime


class CalendarRevision(NamedTuple):
    """What the dates of a calendar were from a change on."""

    calendar_id: str
    revision: int
    dates: tuple[date, ...]
    create_time: datetime


def insert_calendar_if_new(connection: Connection, tenant_id: str, new: StoredCalendar) -> bool:
    """Store a calendar; False when its code or id is taken."""
    values = {**new._asdict(), "tenant_id": tenant_id}
    del values["dates"]
    if not insert_if_new(connection, calendar, values):
        return False
    insert_dates(connection, tenant_id, new, new.create_time)
    return True


def save_calendar(connection: Connection, tenant_id: str, changed: StoredCalendar) -> None:
    """Store the name of a calendar, and which of its revisions is the newest."""
    table = calendar.c
    connection.execute(
        update(calendar)
        .where(table.tenant_id == tenant_id, table.calendar_id == changed.calendar_id)
        .values(display_name=changed.display_name, revision=changed.revision)
    )


def insert_dates(
    connection: Connection, tenant_id: str, of_calendar: StoredCalendar, now: datetime
) -> None:
    """Store the dates of a new revision."""
    values = {
        "tenant_id": tenant_id,
        "calendar_id": of_calendar.calendar_id,
        "revision": of_calendar.revision,
        "dates": json.dumps([day.isoformat() for day in of_calendar.dates]),
        "create_time": now,
    }
    connection.execute(calendar_revision.insert(), values)


def calendar_of(connection: Connection, tenant_id: str, calendar_id: str) -> StoredCalendar | None:
    """One calendar."""
    query = _calendars(tenant_id).where(calendar.c.calendar_id == calendar_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else _from_row(row)


def known_calendars(
    connection: Connection, tenant_id: str, calendar_ids: Collection[str]
) -> set[str]:
    """The ids of known calendars among some."""
    table = calendar.c
    query = select(table.calendar_id).where(
        table.tenant_id == tenant_id, table.calendar_id.in_(sorted(calendar_ids))
    )
    return set(connection.execute(query).scalars())


def list_calendars(
    connection: Connection, tenant_id: str, after_code: str, limit: int
) -> list[StoredCalendar]:
    """A page of calendars by code."""
    query = _calendars(tenant_id).where(calendar.c.code > after_code)
    rows = connection.execute(query.order_by(calendar.c.code).limit(limit))
    return [_from_row(row) for row in rows]


def list_calendar_revisions(
    connection: Connection, tenant_id: str, calendar_id: str, before: int | None, limit: int
) -> list[CalendarRevision]:
    """A page of a calendar's revisions, the newest first."""
    table = calendar_revision.c
    query = (
        select(table.calendar_id, table.revision, table.dates, table.create_time)
        .where(table.tenant_id == tenant_id, table.calendar_id == calendar_id)
        .order_by(table.revision.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(table.revision < before)
    return [
        CalendarRevision(row.calendar_id, row.revision, _dates(row.dates), row.create_time)
        for row in connection.execute(query)
    ]


def read_calendars(connection: Connection, tenant_id: str) -> dict[str, HolidayCalendar]:
    """Every calendar of a tenant by its id, as pricing sees it."""
    stored = (_from_row(row) for row in connection.execute(_calendars(tenant_id)))
    return {
        each.calendar_id: HolidayCalendar(
            each.calendar_id, each.code, each.display_name, frozenset(each.dates)
        )
        for each in stored
    }


def _calendars(tenant_id: str) -> Select[Any]:
    newest, table = calendar_revision.c, calendar.c
    return (
        select(calendar, newest.dates)
        .join(
            calendar_revision,
            (newest.tenant_id == table.tenant_id)
            & (newest.calendar_id == table.calendar_id)
            & (newest.revision == table.revision),
        )
        .where(table.tenant_id == tenant_id)
    )


def _from_row(row: Row[Any]) -> StoredCalendar:
    return StoredCalendar(
        row.calendar_id,
        row.code,
        row.display_name,
        _dates(row.dates),
        row.revision,
        row.create_time,
    )


def _dates(content: str) -> tuple[date, ...]:
    return tuple(map(date.fromisoformat, json.loads(content)))

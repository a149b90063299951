"""Creating and changing holiday calendars; what they were before is kept."""

from collections.abc import Collection, Set
from dataclasses import dataclass
from datetime import date

from chassis.database.unit_of_work import UnitOfWork
from kernel.errors import DomainError, ErrorKind
from kernel.ids import new_uuid
from services.rating.domain.errors import invalid_field, not_found
from services.rating.domain.naming import check_code, check_display_name, check_id
from services.rating.store.calendars import (
    StoredCalendar,
    calendar_of,
    insert_calendar_if_new,
    insert_dates,
    save_calendar,
)
from services.rating.store.tariff_numbers import count_tariff, lock_tariff

CALENDAR_DATES_MAX = 1_000
CHANGEABLE_FIELDS = frozenset({"display_name", "dates"})


@dataclass(frozen=True, slots=True)
class CalendarDraft:
    """A calendar as it is to be."""

    calendar_id: str
    """Empty for a new one whose id is made here."""
    code: str
    display_name: str
    dates: Collection[date]


def create_calendar(uow: UnitOfWork, tenant_id: str, draft: CalendarDraft) -> StoredCalendar:
    """Store a calendar; its creator may choose the id.

    Raises:
        DomainError: CALENDAR_CODE_TAKEN, INVALID_ID, INVALID_CODE, INVALID_NAME, INVALID_CALENDAR.
    """
    check_id("calendar.calendar_id", draft.calendar_id)
    check_code("calendar.code", draft.code)
    check_display_name("calendar.display_name", draft.display_name)
    calendar_id, dates = draft.calendar_id or new_uuid(), _in_order(draft.dates)
    new = StoredCalendar(calendar_id, draft.code, draft.display_name, dates, 1, uow.now)
    lock_tariff(uow.connection, tenant_id)
    if not insert_calendar_if_new(uow.connection, tenant_id, new):
        raise DomainError(
            ErrorKind.ALREADY_EXISTS,
            "CALENDAR_CODE_TAKEN",
            f"there is a calendar with the code {new.code!r} or this id already; choose another",
            {"code": new.code},
        )
    count_tariff(uow.connection, tenant_id)
    return new


def update_calendar(
    uow: UnitOfWork, tenant_id: str, draft: CalendarDraft, fields: Set[str]
) -> StoredCalendar:
    """Change the fields that are named; other dates are a new revision.

    Raises:
        DomainError: CALENDAR_NOT_FOUND, INVALID_NAME, INVALID_CALENDAR.
    """
    lock_tariff(uow.connection, tenant_id)
    calendar = calendar_of(uow.connection, tenant_id, draft.calendar_id)
    if calendar is None:
        raise not_found("CALENDAR", draft.calendar_id)
    changed = calendar
    if "display_name" in fields:
        check_display_name("calendar.display_name", draft.display_name)
        changed = changed._replace(display_name=draft.display_name)
    if "dates" in fields:
        changed = changed._replace(dates=_in_order(draft.dates))
    if changed.dates != calendar.dates:
        changed = changed._replace(revision=calendar.revision + 1)
        insert_dates(uow.connection, tenant_id, changed, uow.now)
    save_calendar(uow.connection, tenant_id, changed)
    count_tariff(uow.connection, tenant_id)
    return changed


def _in_order(dates: Collection[date]) -> tuple[date, ...]:
    if len(dates) > CALENDAR_DATES_MAX:
        problem = f"{len(dates)} dates are too many; give at most {CALENDAR_DATES_MAX}"
        raise invalid_field("INVALID_CALENDAR", "calendar.dates", problem)
    return tuple(sorted(set(dates)))

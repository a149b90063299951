"""Holiday calendars: dates that bands refer to, with every change kept."""

from datetime import date, timedelta
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal

from chassis.database.engine import Database
from kernel.ids import new_uuid
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING, NOON, euros
from tests.conformance.rating.tariff_desk import (
    TariffDesk,
    proto_days,
    refusal,
    refusal_without_trace,
)
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.calendar_pb2 import Calendar
from tollbook.rating.v1.plan_pb2 import Condition, PriceAdjustment, TimeBand

KINGS_DAY, CHRISTMAS = date(2026, 4, 27), date(2026, 12, 25)
TODAY = NOON.date()


@pytest.fixture
async def tariffs(desk: Desk) -> TariffDesk:
    """The desk's operator at the doors of tariffs."""
    return TariffDesk(desk)


async def test_a_calendar_is_kept_in_the_order_of_its_dates(tariffs: TariffDesk) -> None:
    """Each date once, however it was given."""
    created = await tariffs.create_calendar(CHRISTMAS, KINGS_DAY, CHRISTMAS)
    assert list(created.dates) == proto_days([KINGS_DAY, CHRISTMAS])
    assert (created.revision, created.code) == (1, "nl")
    request = messages.GetCalendarRequest(calendar_id=created.calendar_id)
    assert (await tariffs.calendars.GetCalendar(request, None)).calendar == created


async def test_calendars_are_listed_by_code_in_pages(tariffs: TariffDesk) -> None:
    """Each once."""
    for code in ("nl", "be", "de"):
        await tariffs.create_calendar(code=code)
    request = messages.ListCalendarsRequest(page_size=2)
    first = await tariffs.calendars.ListCalendars(request, None)
    request.page_token = first.next_page_token
    second = await tariffs.calendars.ListCalendars(request, None)
    codes = [each.code for each in (*first.calendars, *second.calendars)]
    assert (codes, second.next_page_token) == (["be", "de", "nl"], "")


async def test_a_change_of_dates_is_a_revision_and_the_earlier_ones_stay(
    tariffs: TariffDesk,
) -> None:
    """The newest first; another name, or the same dates again, make none."""
    calendar_id = (await tariffs.create_calendar(KINGS_DAY)).calendar_id
    changed = await tariffs.set_days(calendar_id, KINGS_DAY, CHRISTMAS)
    same = await tariffs.set_days(calendar_id, CHRISTMAS, KINGS_DAY)
    renaming = messages.UpdateCalendarRequest(
        calendar=Calendar(calendar_id=calendar_id, display_name="Vrije dagen"),
        update_mask=FieldMask(paths=["display_name"]),
        request_id=new_uuid(),
    )
    renamed = (await tariffs.calendars.UpdateCalendar(renaming, None)).calendar
    assert [changed.revision, same.revision, renamed.revision] == [2, 2, 2]
    assert (renamed.display_name, renamed.dates) == ("Vrije dagen", changed.dates)

    request = messages.ListCalendarRevisionsRequest(calendar_id=calendar_id, page_size=1)
    first = await tariffs.calendars.ListCalendarRevisions(request, None)
    request.page_token = first.next_page_token
    second = await tariffs.calendars.ListCalendarRevisions(request, None)
    revisions = [*first.calendar_revisions, *second.calendar_revisions]
    assert [each.revision for each in revisions] == [2, 1]
    assert [len(each.dates) for each in revisions] == [2, 1]
    assert second.next_page_token == ""


async def test_a_call_is_priced_by_the_dates_as_they_are_and_keeps_its_price(
    tariffs: TariffDesk,
) -> None:
    """A day that becomes a holiday is one for calls that are priced from then on."""
    desk = tariffs.desk
    calendar_id = (await tariffs.create_calendar()).calendar_id
    await desk.publish_terms(
        BEGINNING + timedelta(days=1),
        time_bands=[TimeBand(code="holiday", calendar_id=calendar_id), TimeBand(code="other")],
        adjustments=[
            PriceAdjustment(
                code="holiday",
                when=Condition(time_bands=["holiday"]),
                factor=Decimal(value="0.5"),
            )
        ],
    )
    await desk.collect(desk.call())
    await tariffs.set_days(calendar_id, TODAY)
    await desk.collect(desk.call(start=NOON + timedelta(hours=1)))
    assert sorted(euros(await desk.charges())) == ["0.0300", "0.0600"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"code": ""}, "INVALID_CODE"),
        ({"code": "x" * 41}, "INVALID_CODE"),
        ({"display_name": ""}, "INVALID_NAME"),
        ({"display_name": "a\0b"}, "INVALID_NAME"),
        ({"calendar_id": "holidays"}, "INVALID_ID"),
        ({"dates": [Date(year=2026, month=2, day=29)]}, "INVALID_DATE"),
        ({"dates": [Date()]}, "INVALID_DATE"),
        ({"dates": proto_days([TODAY]) * 1_001}, "INVALID_CALENDAR"),
    ],
)
async def test_a_calendar_that_nobody_can_mean_is_not_created(
    tariffs: TariffDesk, changes: dict[str, Any], reason: str
) -> None:
    """It leaves no trace."""
    calendar = Calendar(**{"code": "x", "display_name": "X", **changes})
    request = messages.CreateCalendarRequest(calendar=calendar, request_id=new_uuid())
    refused = await refusal_without_trace(
        tariffs, lambda: tariffs.calendars.CreateCalendar(request, None)
    )
    assert refused.reason == reason


async def test_a_code_and_an_id_are_taken_once(tariffs: TariffDesk) -> None:
    """By whichever calendar was first."""
    first = await tariffs.create_calendar()
    request = messages.CreateCalendarRequest(calendar=first, request_id=new_uuid())
    request.calendar.code = "other"
    for changed in (Calendar(code="nl", display_name="NL"), request.calendar):
        other = messages.CreateCalendarRequest(calendar=changed, request_id=new_uuid())
        error = await refusal(tariffs.calendars.CreateCalendar(other, None))
        assert error.reason == "CALENDAR_CODE_TAKEN"


async def test_a_calendar_is_not_changed_wrongly(tariffs: TariffDesk) -> None:
    """An unknown one, a code, too many dates: it stays as it was."""
    calendar = await tariffs.create_calendar(KINGS_DAY)
    unknown = Calendar(calendar_id=new_uuid(), display_name="X")
    many = Calendar(calendar_id=calendar.calendar_id, dates=proto_days([TODAY]) * 1_001)
    for changed, path, reason in (
        (unknown, "display_name", "CALENDAR_NOT_FOUND"),
        (calendar, "code", "INVALID_FIELD_MASK"),
        (many, "dates", "INVALID_CALENDAR"),
    ):
        request = messages.UpdateCalendarRequest(
            calendar=changed, update_mask=FieldMask(paths=[path]), request_id=new_uuid()
        )

        async def update(request: messages.UpdateCalendarRequest = request) -> Any:
            return await tariffs.calendars.UpdateCalendar(request, None)

        refused = await refusal_without_trace(tariffs, update)
        assert refused.reason == reason


async def test_a_check_of_a_calendar_keeps_nothing(tariffs: TariffDesk) -> None:
    """It answers as the change would."""
    calendar = await tariffs.create_calendar(KINGS_DAY)
    before = await tariffs.traces()
    creation = messages.CreateCalendarRequest(
        calendar=Calendar(code="be", display_name="BE"), request_id=new_uuid(), validate_only=True
    )
    assert (await tariffs.calendars.CreateCalendar(creation, None)).calendar.revision == 1
    change = messages.UpdateCalendarRequest(
        calendar=calendar, request_id=new_uuid(), validate_only=True
    )
    change.calendar.dates.extend(proto_days([CHRISTMAS]))
    assert (await tariffs.calendars.UpdateCalendar(change, None)).calendar.revision == 2
    assert await tariffs.traces() == before


async def test_calendars_of_tenants_are_apart(tariffs: TariffDesk, database: Database) -> None:
    """Their codes and ids mean nothing to others."""
    calendar = await tariffs.create_calendar()
    other = TariffDesk(Desk(database, tenant_id="other"))
    other.desk.act()
    request = messages.GetCalendarRequest(calendar_id=calendar.calendar_id)
    assert (await refusal(other.calendars.GetCalendar(request, None))).reason == (
        "CALENDAR_NOT_FOUND"
    )
    assert (await other.create_calendar()).code == calendar.code

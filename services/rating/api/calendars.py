"""CalendarService: manages holiday calendars."""

from typing import Any

from sqlalchemy import Connection

from chassis.database.unit_of_work import UnitOfWork
from chassis.grpc.endpoint import Endpoint
from chassis.grpc.pages import decode_token, page_size, token_after
from chassis.security.caller import Caller
from services.rating.api.convert_tariff import (
    calendar_from_proto,
    calendar_revision_to_proto,
    calendar_to_proto,
)
from services.rating.api.field_mask import fields_to_change
from services.rating.domain.errors import not_found
from services.rating.store.calendars import (
    StoredCalendar,
    calendar_of,
    list_calendar_revisions,
    list_calendars,
)
from services.rating.usecases.catalog.keep_calendars import (
    CHANGEABLE_FIELDS,
    create_calendar,
    update_calendar,
)
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.tariff_service_pb2_grpc import CalendarServiceServicer


class CalendarApi(CalendarServiceServicer):
    """Manages the holiday calendars of the caller's tenant."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def CreateCalendar(
        self, request: messages.CreateCalendarRequest, context: Any
    ) -> messages.CreateCalendarResponse:
        """Create a calendar."""
        draft = calendar_from_proto(request.calendar)

        def work(uow: UnitOfWork, caller: Caller) -> messages.CreateCalendarResponse:
            calendar = create_calendar(uow, caller.tenant_id, draft)
            return messages.CreateCalendarResponse(calendar=calendar_to_proto(calendar))

        return await self._endpoint.mutate(
            request, messages.CreateCalendarResponse, work, validate_only=request.validate_only
        )

    async def UpdateCalendar(
        self, request: messages.UpdateCalendarRequest, context: Any
    ) -> messages.UpdateCalendarResponse:
        """Change the name of a calendar, or its dates."""
        fields = fields_to_change(request.update_mask, CHANGEABLE_FIELDS)
        draft = calendar_from_proto(request.calendar)

        def work(uow: UnitOfWork, caller: Caller) -> messages.UpdateCalendarResponse:
            calendar = update_calendar(uow, caller.tenant_id, draft, fields)
            return messages.UpdateCalendarResponse(calendar=calendar_to_proto(calendar))

        return await self._endpoint.mutate(
            request, messages.UpdateCalendarResponse, work, validate_only=request.validate_only
        )

    async def GetCalendar(
        self, request: messages.GetCalendarRequest, context: Any
    ) -> messages.GetCalendarResponse:
        """Return a calendar."""
        calendar = await self._endpoint.query(
            lambda connection, caller: _calendar(connection, caller, request.calendar_id)
        )
        return messages.GetCalendarResponse(calendar=calendar_to_proto(calendar))

    async def ListCalendars(
        self, request: messages.ListCalendarsRequest, context: Any
    ) -> messages.ListCalendarsResponse:
        """List calendars by code."""
        size = page_size(request.page_size)
        [after] = decode_token(request.page_token) or [""]
        calendars = await self._endpoint.query(
            lambda connection, caller: list_calendars(connection, caller.tenant_id, after, size + 1)
        )
        return messages.ListCalendarsResponse(
            calendars=[calendar_to_proto(each) for each in calendars[:size]],
            next_page_token=token_after(calendars, size, lambda each: [each.code]),
        )

    async def ListCalendarRevisions(
        self, request: messages.ListCalendarRevisionsRequest, context: Any
    ) -> messages.ListCalendarRevisionsResponse:
        """List what the dates of a calendar were, the newest first."""
        size = page_size(request.page_size)
        [before] = decode_token(request.page_token) or [None]

        def work(connection: Connection, caller: Caller) -> messages.ListCalendarRevisionsResponse:
            known = _calendar(connection, caller, request.calendar_id)
            revisions = list_calendar_revisions(
                connection, caller.tenant_id, known.calendar_id, before, size + 1
            )
            return messages.ListCalendarRevisionsResponse(
                calendar_revisions=[calendar_revision_to_proto(each) for each in revisions[:size]],
                next_page_token=token_after(revisions, size, lambda each: [each.revision]),
            )

        return await self._endpoint.query(work)


def _calendar(connection: Connection, caller: Caller, calendar_id: str) -> StoredCalendar:
    calendar = calendar_of(connection, caller.tenant_id, calendar_id)
    if calendar is None:
        raise not_found("CALENDAR", calendar_id)
    return calendar

"""`tollbook set-calendar`: the dates of a holiday calendar, from a CSV file."""

import asyncio
import csv
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from chassis.grpc.client import acting_for
from cli.connection import Connection
from cli.files import read_text
from cli.options import FileArgument, TenantOption, ValidateOnlyOption
from cli.output import report
from cli.tariff_codes import calendar_codes
from kernel.ids import new_uuid
from tollbook.rating.v1 import tariff_service_pb2, tariff_service_pb2_grpc
from tollbook.rating.v1.calendar_pb2 import Calendar

COLUMN = "date"


def set_calendar(
    context: typer.Context,
    file: FileArgument,
    tenant: TenantOption,
    code: Annotated[str, typer.Option(help="The calendar's code; a new one is created.")],
    name: Annotated[str, typer.Option(help="Its name, of a new one; else it stays.")] = "",
    validate_only: ValidateOnlyOption = False,
) -> None:
    """Give a calendar the dates of FILE, a CSV with a column `date`, in place of those it had.

    Calls that are priced from now on are priced with it; those that have a price keep it.
    """
    dates = read_dates(file)
    calendar = Calendar(code=code, display_name=name, dates=dates)
    with acting_for(tenant):
        stored = asyncio.run(_set(context.obj, calendar, validate_only))
    known = f"revision {stored.revision} of {stored.code}, {len(stored.dates):,} dates"
    report("Would set" if validate_only else "Calendar", known)


def read_dates(file: Path) -> list[Date]:
    """The dates of a file, in its order; refuses a line that has none."""
    reader = csv.DictReader(read_text(file).splitlines(keepends=True), restval="")
    if COLUMN not in (reader.fieldnames or ()):
        raise typer.BadParameter(f"{file} holds no dates: its first line names no column {COLUMN}")
    return [_date(file, reader.line_num, row[COLUMN].strip()) for row in reader]


def _date(file: Path, line: int, text: str) -> Date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        problem = f"{text!r} is no date; write it like 2026-04-06"
        raise typer.BadParameter(f"{file}, line {line}: {problem}") from None
    return Date(year=day.year, month=day.month, day=day.day)


async def _set(connection: Connection, calendar: Calendar, validate_only: bool) -> Calendar:
    async with connection.channel("rating") as channel:
        known = (await calendar_codes(channel)).ids.get(calendar.code)
        stub = tariff_service_pb2_grpc.CalendarServiceStub(channel)
        if known is None:
            creation = tariff_service_pb2.CreateCalendarRequest(
                calendar=calendar, request_id=new_uuid(), validate_only=validate_only
            )
            return (await stub.CreateCalendar(creation)).calendar
        calendar.calendar_id = known
        change = tariff_service_pb2.UpdateCalendarRequest(
            calendar=calendar,
            update_mask=FieldMask(paths=["dates"]),
            request_id=new_uuid(),
            validate_only=validate_only,
        )
        if calendar.display_name:
            change.update_mask.paths.append("display_name")
        return (await stub.UpdateCalendar(change)).calendar

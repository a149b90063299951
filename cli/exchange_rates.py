"""`tollbook add-exchange-rates`: a CSV file of what currencies are worth in each other."""

import asyncio
import csv
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import typer
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from google.type.decimal_pb2 import Decimal

from chassis.grpc.client import acting_for
from cli.connection import Connection
from cli.files import read_text
from cli.options import FileArgument, TenantOption
from cli.output import add_row, console, report, table
from kernel.ids import new_uuid
from tollbook.rating.v1 import tariff_service_pb2, tariff_service_pb2_grpc
from tollbook.rating.v1.exchange_rate_pb2 import ExchangeRate

COLUMNS = ("from", "to", "rate", "effective_time", "source")
RATES_PER_REQUEST = 1_000
REFUSED_SHOWN = 20


class Line(NamedTuple):
    """A line of the file: its rate, or why it has none."""

    number: int
    rate: ExchangeRate
    reason: str = ""
    advice: str = ""


def add_exchange_rates(context: typer.Context, file: FileArgument, tenant: TenantOption) -> None:
    """Add exchange rates from FILE, a CSV: from, to, rate, effective_time (UTC), source.

    Each is added or refused by itself; one that is there already is added again harmlessly.
    """
    lines = list(read_lines(file))
    if not lines:
        raise typer.BadParameter(f"{file} has no rates below its first line")
    readable = [line for line in lines if not line.reason]
    with acting_for(tenant):
        added = asyncio.run(_add(context.obj, readable))
    refused = [line for line in (*lines, *added) if line.reason]
    report("Exchange rates", f"{len(lines) - len(refused):,} added, {len(refused):,} refused")
    if refused:
        _show(refused)
        raise typer.Exit(1)


def read_lines(file: Path) -> Iterator[Line]:
    """The lines of a file; refuses a file that has no such columns."""
    # Lines are split by the reader: a text in quotes may go over several.
    reader = csv.DictReader(read_text(file).splitlines(keepends=True), restval="")
    try:
        _check_columns(file, reader.fieldnames or ())
        for row in reader:
            yield _line(reader.line_num, row)
    except csv.Error as error:
        raise typer.BadParameter(f"{file}, after line {reader.line_num}: {error}") from None


def _check_columns(file: Path, found: Collection[str]) -> None:
    missing = [column for column in COLUMNS if column not in found]
    if missing:
        problem = f"it has no column {', '.join(missing)}; its first line names the columns"
        raise typer.BadParameter(f"{file} holds no exchange rates: {problem} {','.join(COLUMNS)}")


def _line(number: int, row: dict[str, str]) -> Line:
    rate = ExchangeRate(
        from_currency_code=row["from"].strip(),
        to_currency_code=row["to"].strip(),
        rate=Decimal(value=row["rate"].strip()),
        source=row["source"].strip(),
    )
    moment = _moment(row["effective_time"].strip())
    if moment is None:
        advice = f"{row['effective_time']!r} is no time; write 2026-03-01 or 2026-03-01T16:00:00Z"
        return Line(number, rate, "INVALID_TIME", advice)
    rate.effective_time.FromDatetime(moment)
    return Line(number, rate)


def _moment(text: str) -> datetime | None:
    """A date or a time, in UTC unless it names a zone; None of what is neither."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


async def _add(connection: Connection, lines: Iterable[Line]) -> list[Line]:
    """The lines with what became of them."""
    waiting, done = iter(lines), []
    async with connection.channel("rating") as channel:
        stub = tariff_service_pb2_grpc.ExchangeRateServiceStub(channel)
        while part := list(islice(waiting, RATES_PER_REQUEST)):
            request = tariff_service_pb2.AddExchangeRatesRequest(
                exchange_rates=[line.rate for line in part], request_id=new_uuid()
            )
            results = (await stub.AddExchangeRates(request)).results
            done += [_judged(*each) for each in zip(part, results, strict=True)]
    return done


def _judged(line: Line, result: tariff_service_pb2.AddExchangeRateResult) -> Line:
    if not result.HasField("error"):
        return line
    return line._replace(reason=_reason(result.error), advice=result.error.message)


def _reason(error: Status) -> str:
    info = ErrorInfo()
    return info.reason if any(each.Unpack(info) for each in error.details) else "REFUSED"


def _show(refused: Sequence[Line]) -> None:
    shown = table("Refused", "line", "pair", "reason", "what to do")
    for line in sorted(refused, key=lambda line: line.number)[:REFUSED_SHOWN]:
        pair = f"{line.rate.from_currency_code}/{line.rate.to_currency_code}"
        add_row(shown, str(line.number), pair, line.reason, line.advice)
    if len(refused) > REFUSED_SHOWN:
        shown.caption = f"and {len(refused) - REFUSED_SHOWN:,} more"
    console.print(shown)

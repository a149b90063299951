"""Calls the doors of what prices depend on besides decks and plans."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any

import pytest
from google.type.date_pb2 import Date
from google.type.dayofweek_pb2 import DayOfWeek
from google.type.decimal_pb2 import Decimal
from google.type.timeofday_pb2 import TimeOfDay
from sqlalchemy import Connection, func, select

from chassis.database.schema import outbox_table, request_table
from chassis.grpc.convert import range_to_proto, time_to_proto
from chassis.grpc.endpoint import Endpoint
from kernel.errors import DomainError
from kernel.ids import new_uuid
from services.rating.api.account_decks import AccountDeckApi
from services.rating.api.calendars import CalendarApi
from services.rating.api.exchange_rates import ExchangeRateApi
from services.rating.api.rating_profile import RatingProfileApi
from services.rating.domain.tariffs.tariff import Tariff
from services.rating.store.tariff_numbers import tariff_number
from tests.conformance.rating.desk import Desk
from tests.conformance.rating.records import BEGINNING
from tollbook.rating.v1 import rating_service_pb2 as rating_messages
from tollbook.rating.v1 import tariff_service_pb2 as messages
from tollbook.rating.v1.account_decks_pb2 import AccountDecks, DeckOverride
from tollbook.rating.v1.calendar_pb2 import Calendar
from tollbook.rating.v1.exchange_rate_pb2 import ExchangeRate
from tollbook.rating.v1.plan_pb2 import Condition, PlanRevision, TimeBand
from tollbook.rating.v1.service_pb2 import Service

WORKDAYS = [
    DayOfWeek.MONDAY,
    DayOfWeek.TUESDAY,
    DayOfWeek.WEDNESDAY,
    DayOfWeek.THURSDAY,
    DayOfWeek.FRIDAY,
]
BANDS = [
    TimeBand(
        code="peak",
        weekdays=WORKDAYS,
        from_time=TimeOfDay(hours=8),
        to_time=TimeOfDay(hours=19),
    ),
    TimeBand(code="off-peak", from_time=TimeOfDay(), to_time=TimeOfDay(hours=24)),
]
VOICE = Condition(service=Service.SERVICE_VOICE)


class TariffDesk:
    """One tenant's operator, at the doors that manage tariffs."""

    def __init__(self, desk: Desk) -> None:
        endpoint = Endpoint(desk.database)
        self.desk = desk
        self.calendars = CalendarApi(endpoint)
        self.exchange_rates = ExchangeRateApi(endpoint)
        self.account_decks = AccountDeckApi(endpoint)
        self.profile = RatingProfileApi(endpoint)

    async def create_calendar(self, *days: date, code: str = "nl", **changes: Any) -> Calendar:
        """Create a calendar of some days."""
        calendar = Calendar(code=code, display_name="Feestdagen", dates=proto_days(days))
        calendar.MergeFrom(Calendar(**changes))
        request = messages.CreateCalendarRequest(calendar=calendar, request_id=new_uuid())
        return (await self.calendars.CreateCalendar(request, None)).calendar

    async def set_days(self, calendar_id: str, *days: date) -> Calendar:
        """Give a calendar other days."""
        request = messages.UpdateCalendarRequest(
            calendar=Calendar(calendar_id=calendar_id, dates=proto_days(days)),
            request_id=new_uuid(),
        )
        request.update_mask.paths.append("dates")
        return (await self.calendars.UpdateCalendar(request, None)).calendar

    async def add_rates(
        self, *rates: ExchangeRate, **changes: Any
    ) -> list[messages.AddExchangeRateResult]:
        """Add exchange rates."""
        request = messages.AddExchangeRatesRequest(
            exchange_rates=rates, request_id=new_uuid(), **changes
        )
        return list((await self.exchange_rates.AddExchangeRates(request, None)).results)

    async def set_decks(self, *overrides: DeckOverride, account_id: str = "") -> AccountDecks:
        """Give an account decks of its own."""
        request = messages.SetAccountDecksRequest(
            account_id=account_id or self.desk.account_id,
            overrides=overrides,
            request_id=new_uuid(),
        )
        return (await self.account_decks.SetAccountDecks(request, None)).account_decks

    async def decks_of(self, account_id: str = "") -> AccountDecks:
        """The decks of an account."""
        request = messages.GetAccountDecksRequest(account_id=account_id or self.desk.account_id)
        return (await self.account_decks.GetAccountDecks(request, None)).account_decks

    async def revisions(self) -> list[PlanRevision]:
        """All terms of the tenant's plan, the newest first."""
        request = rating_messages.ListPlanRevisionsRequest(plan_id=self.desk.plan_id)
        return list((await self.desk.plans.ListPlanRevisions(request, None)).revisions)

    async def tariff(self) -> Tariff:
        """What the tenant's calls are priced with."""
        desk = self.desk
        return await desk.database.read(
            lambda connection: desk.tariffs.current(connection, desk.tenant_id)
        )

    async def traces(self) -> tuple[int, ...]:
        """What every kept change leaves behind: the tariff's number, events, answered requests."""

        def work(connection: Connection) -> tuple[int, ...]:
            counts = (
                connection.execute(select(func.count()).select_from(table)).scalar_one()
                for table in (outbox_table, request_table)
            )
            return tariff_number(connection, self.desk.tenant_id), *counts

        return await self.desk.database.read(work)


def proto_days(days: Sequence[date]) -> list[Date]:
    """Days as the contract has them."""
    return [Date(year=day.year, month=day.month, day=day.day) for day in days]


def exchange_rate(
    text: str, effective: datetime = BEGINNING, pair: str = "USD/EUR", source: str = "ECB"
) -> ExchangeRate:
    """What one unit of the first currency is worth in the second."""
    from_currency, _, to_currency = pair.partition("/")
    return ExchangeRate(
        from_currency_code=from_currency,
        to_currency_code=to_currency,
        effective_time=time_to_proto(effective),
        rate=Decimal(value=text),
        source=source,
    )


def override(
    rate_deck_id: str, start: datetime | None = BEGINNING, end: datetime | None = None
) -> DeckOverride:
    """A deck of an account within a span."""
    return DeckOverride(rate_deck_id=rate_deck_id, validity=range_to_proto((start, end)))


async def refusal(answer: Awaitable[Any]) -> DomainError:
    """The error with which a request is refused."""
    with pytest.raises(DomainError) as raised:
        await answer
    return raised.value


async def refusal_without_trace(
    tariffs: TariffDesk, ask: Callable[[], Awaitable[Any]]
) -> DomainError:
    """The error with which a request is refused, which leaves no trace."""
    before = await tariffs.traces()
    error = await refusal(ask())
    assert await tariffs.traces() == before
    return error

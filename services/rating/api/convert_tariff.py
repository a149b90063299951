"""Calendars, exchange rates and decks of accounts to the messages of their contract and back."""

from collections.abc import Sequence
from datetime import date, datetime

from google.type.date_pb2 import Date
from google.type.decimal_pb2 import Decimal

from chassis.grpc.convert import (
    date_from_proto,
    range_from_proto,
    range_to_proto,
    required_time,
    time_to_proto,
)
from kernel.clock import from_micros, to_micros
from services.rating.api.convert_fields import in_field
from services.rating.domain.account import DeckOverride
from services.rating.domain.errors import invalid_field
from services.rating.domain.tariffs.exchange import ExchangeRate
from services.rating.store.account_decks import AccountDecks
from services.rating.store.calendars import CalendarRevision, StoredCalendar
from services.rating.store.exchange_rates import StoredRate
from services.rating.usecases.catalog.keep_calendars import CalendarDraft
from tollbook.rating.v1 import account_decks_pb2, calendar_pb2, exchange_rate_pb2


def calendar_from_proto(message: calendar_pb2.Calendar) -> CalendarDraft:
    """A calendar as it is to be: INVALID_DATE."""
    dates = []
    for place, day in enumerate(message.dates):
        with in_field(f"calendar.dates[{place}]"):
            known = date_from_proto(day)
        if known is None:
            raise invalid_field("INVALID_DATE", f"calendar.dates[{place}]", "set it")
        dates.append(known)
    return CalendarDraft(message.calendar_id, message.code, message.display_name, dates)


def calendar_to_proto(calendar: StoredCalendar) -> calendar_pb2.Calendar:
    """A calendar."""
    return calendar_pb2.Calendar(
        calendar_id=calendar.calendar_id,
        code=calendar.code,
        display_name=calendar.display_name,
        dates=[_day(day) for day in calendar.dates],
        revision=calendar.revision,
        create_time=time_to_proto(calendar.create_time),
    )


def calendar_revision_to_proto(revision: CalendarRevision) -> calendar_pb2.CalendarRevision:
    """What the dates of a calendar were."""
    return calendar_pb2.CalendarRevision(
        calendar_id=revision.calendar_id,
        revision=revision.revision,
        dates=[_day(day) for day in revision.dates],
        create_time=time_to_proto(revision.create_time),
    )


def exchange_rate_from_proto(message: exchange_rate_pb2.ExchangeRate) -> ExchangeRate:
    """An exchange rate: INVALID_TIME."""
    return ExchangeRate(
        from_currency=message.from_currency_code,
        to_currency=message.to_currency_code,
        effective_time=required_time(message.effective_time, "effective_time"),
        rate_text=message.rate.value,
        source=message.source,
    )


def exchange_rate_to_proto(stored: StoredRate) -> exchange_rate_pb2.ExchangeRate:
    """An exchange rate."""
    rate = stored.rate
    return exchange_rate_pb2.ExchangeRate(
        from_currency_code=rate.from_currency,
        to_currency_code=rate.to_currency,
        effective_time=time_to_proto(rate.effective_time),
        rate=Decimal(value=rate.rate_text),
        source=rate.source,
        create_time=time_to_proto(stored.create_time),
    )


def overrides_from_proto(
    messages: Sequence[account_decks_pb2.DeckOverride], now: datetime
) -> list[DeckOverride]:
    """Decks of an account, those without a start from now on: INVALID_TIME, INVALID_PERIOD."""
    overrides = []
    for place, message in enumerate(messages):
        with in_field(f"overrides[{place}].validity"):
            start, end = range_from_proto(message.validity)
        start_micros, end_micros = to_micros(start or now), None if end is None else to_micros(end)
        overrides.append(DeckOverride(message.rate_deck_id, start_micros, end_micros))
    return overrides


def account_decks_to_proto(decks: AccountDecks) -> account_decks_pb2.AccountDecks:
    """The decks of an account."""
    return account_decks_pb2.AccountDecks(
        account_id=decks.account_id,
        overrides=[_override_to_proto(each) for each in decks.overrides],
        update_time=time_to_proto(decks.update_time),
    )


def _day(day: date) -> Date:
    return Date(year=day.year, month=day.month, day=day.day)


def _override_to_proto(override: DeckOverride) -> account_decks_pb2.DeckOverride:
    end = None if override.end_micros is None else from_micros(override.end_micros)
    validity = range_to_proto((from_micros(override.start_micros), end))
    return account_decks_pb2.DeckOverride(rate_deck_id=override.rate_deck_id, validity=validity)

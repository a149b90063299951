"""Decks, calendars and plans by the codes by which people know them; terms hold their ids."""

from collections.abc import Mapping
from typing import NamedTuple

import grpc.aio

from cli.listing import pages
from kernel.errors import DomainError, ErrorKind
from tollbook.rating.v1 import (
    rating_service_pb2,
    rating_service_pb2_grpc,
    tariff_service_pb2,
    tariff_service_pb2_grpc,
)
from tollbook.rating.v1.plan_pb2 import PlanRevision

CODES_SHOWN_MAX = 10


class Codes(NamedTuple):
    """The codes of things of one kind, each with its id."""

    kind: str
    ids: Mapping[str, str]

    def id_of(self, named: str, path: str) -> str:
        """The id of what a file names by its code, or by its id, at a path."""
        if named in self.ids.values():
            return named
        if named in self.ids:
            return self.ids[named]
        reason = f"{self.kind.upper().replace(' ', '_')}_NOT_FOUND"
        problem = f"{path}: there is no {self.kind} {named!r}; {self._known()}"
        raise DomainError(ErrorKind.NOT_FOUND, reason, problem)

    def _known(self) -> str:
        if not self.ids:
            return "there is none yet, create it first"
        shown = sorted(self.ids)[:CODES_SHOWN_MAX]
        more = len(self.ids) - len(shown)
        return f"there are {', '.join(shown)}{f' and {more} more' if more else ''}"


async def deck_codes(channel: grpc.aio.Channel) -> Codes:
    """The tenant's decks."""
    stub = rating_service_pb2_grpc.RateDeckServiceStub(channel)
    listed = pages(stub.ListRateDecks, rating_service_pb2.ListRateDecksRequest())
    found = {deck.code: deck.rate_deck_id async for page in listed for deck in page.rate_decks}
    return Codes("rate deck", found)


async def calendar_codes(channel: grpc.aio.Channel) -> Codes:
    """The tenant's calendars."""
    stub = tariff_service_pb2_grpc.CalendarServiceStub(channel)
    listed = pages(stub.ListCalendars, tariff_service_pb2.ListCalendarsRequest())
    found = {each.code: each.calendar_id async for page in listed for each in page.calendars}
    return Codes("calendar", found)


async def plan_codes(channel: grpc.aio.Channel) -> Codes:
    """The tenant's plans."""
    stub = rating_service_pb2_grpc.PlanServiceStub(channel)
    listed = pages(stub.ListPlans, rating_service_pb2.ListPlansRequest())
    return Codes("plan", {each.code: each.plan_id async for page in listed for each in page.plans})


def put_plan_ids(revision: PlanRevision, path: str, plans: Codes) -> None:
    """Replace the codes of resold plans in terms by ids. Raises PLAN_NOT_FOUND, with the place."""
    for place, resold in enumerate(revision.resold_plans):
        resold.plan_id = plans.id_of(resold.plan_id, f"{path}.resoldPlans[{place}].planId")


def put_ids(revision: PlanRevision, path: str, decks: Codes, calendars: Codes) -> None:
    """Replace the codes of decks and calendars in terms by ids.

    Raises:
        DomainError: RATE_DECK_NOT_FOUND or CALENDAR_NOT_FOUND, with the place of the code.
    """
    deck_lists = {f"{path}.rateDeckIds": revision.rate_deck_ids} | {
        f"{path}.deckChoices[{place}].rateDeckIds": choice.rate_deck_ids
        for place, choice in enumerate(revision.deck_choices)
    }
    for list_path, named in deck_lists.items():
        named[:] = [decks.id_of(each, f"{list_path}[{n}]") for n, each in enumerate(named)]
    for place, band in enumerate(revision.time_bands):
        at = f"{path}.timeBands[{place}]"
        if band.calendar_id:
            band.calendar_id = calendars.id_of(band.calendar_id, f"{at}.calendarId")
        if band.not_on_holidays_of:
            holidays = calendars.id_of(band.not_on_holidays_of, f"{at}.notOnHolidaysOf")
            band.not_on_holidays_of = holidays

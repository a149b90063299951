"""Moments at which prices go wrong: clocks that jump, midnights, the first of a month."""

from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from random import Random
from zoneinfo import ZoneInfo

from kernel.clock import to_micros

ZONES = (
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "America/Havana",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Africa/Casablanca",
    "Africa/Cairo",
)
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = 700
DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)


def random_moment(rng: Random, time_zone: str) -> int:
    """An instant around which calls and terms will be placed."""
    jumps = clock_changes(time_zone)
    kind = rng.choice(["jump", "jump", "midnight", "month", "any"])
    if kind == "jump" and jumps:
        return rng.choice(jumps)
    anywhere = FIRST + timedelta(seconds=rng.randrange(DAYS * 86_400))
    if kind == "any":
        return to_micros(anywhere)
    day = anywhere.astimezone(ZoneInfo(time_zone)).date()
    day = day.replace(day=1) if kind == "month" else day
    return to_micros(datetime.combine(day, time(), ZoneInfo(time_zone)))


@lru_cache
def clock_changes(time_zone: str) -> list[int]:
    """When clocks of a zone are set: jumps of half an hour and more, on a quarter of an hour."""
    zone = ZoneInfo(time_zone)
    days = [FIRST + DAY * count for count in range(DAYS)]
    return [
        to_micros(_jump_within(zone, before))
        for before in days
        if _offset(zone, before) != _offset(zone, before + DAY)
    ]


def _jump_within(zone: ZoneInfo, before: datetime) -> datetime:
    moments = (before + QUARTER * count for count in range(1, 24 * 4 + 1))
    return next(each for each in moments if _offset(zone, each) != _offset(zone, before))


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def near(rng: Random, moment: int, seconds: int) -> int:
    """Now and then the moment; else one not far from it, at a whole second or between two."""
    if rng.random() < 0.1:
        return moment
    offset = rng.randint(-seconds, seconds) * 10**6
    return moment + offset + rng.choice([0, 0, rng.randrange(10**6)])

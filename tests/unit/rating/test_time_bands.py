"""The band of an instant is what the wall clock of the tariff's zone shows, whatever clocks do."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import groupby, pairwise
from zoneinfo import ZoneInfo

import pytest

from kernel.clock import to_micros
from kernel.errors import DomainError
from services.rating.domain.plans.time_bands import (
    DAYS_IN_MEMORY_MAX,
    NO_BAND,
    TIME_BANDS_MAX,
    BandSchedule,
    HolidayCalendar,
    TimeBand,
    check_bands,
    check_covers,
)
from tests.support.refusals import refusal_reason

SECOND = 10**6
CALENDARS = {
    "closed": HolidayCalendar("closed", "closed", "Closed", frozenset({date(2025, 3, 31)})),
    "empty": HolidayCalendar("empty", "empty", "Empty", frozenset()),
}
WEEK = (
    TimeBand("holiday", calendar_id="closed"),
    TimeBand("peak", (1, 2, 3, 4, 5), 8 * 60, 18 * 60 + 30),
    TimeBand("friday night", (5,), 22 * 60, 6 * 60),
    TimeBand("night", (), 23 * 60, 7 * 60 + 1, not_on_holidays_of="closed"),
    TimeBand("spring", first_date=date(2025, 3, 29), last_date=date(2025, 4, 6)),
    TimeBand("else"),
)


def micros(year: int, month: int, day: int, hour: int = 0) -> int:
    """An instant given in UTC."""
    return to_micros(datetime(year, month, day, hour, tzinfo=UTC))


def read_off(zone: ZoneInfo, instant: int) -> str:
    """The band of one instant, as somebody with a clock and a calendar reads it."""
    local = datetime.fromtimestamp(instant // SECOND, tz=zone)
    return shown(local.date(), local.hour, local.minute)


@cache
def shown(today: date, hour: int, minute: int) -> str:
    """The band of what a clock and a calendar show."""
    clock = f"{hour:02}:{minute:02}"
    for band in WEEK:
        begins = f"{band.from_minute // 60:02}:{band.from_minute % 60:02}"
        ends = f"{band.to_minute // 60:02}:{band.to_minute % 60:02}"
        yesterday = today - timedelta(days=1)
        if ends > begins:
            days = [today] if begins <= clock < ends else []
        else:
            days = [today] * (clock >= begins) + [yesterday] * (clock < ends)
        if any(on_day(band, day) for day in days):
            return band.code
    return ""


def on_day(band: TimeBand, day: date) -> bool:
    """Whether a band begins on a day of the calendar."""
    if band.weekdays and day.weekday() + 1 not in band.weekdays:
        return False
    if day < (band.first_date or date.min) or day > (band.last_date or date.max):
        return False
    if band.calendar_id and day not in CALENDARS[band.calendar_id].dates:
        return False
    return not (band.not_on_holidays_of and day in CALENDARS[band.not_on_holidays_of].dates)


@pytest.mark.parametrize(
    ("zone", "begin", "hours"),
    [
        pytest.param("Europe/Amsterdam", (2025, 3, 29, 20), 40, id="a day of 23 hours"),
        pytest.param("Europe/Amsterdam", (2025, 10, 25, 20), 30, id="a day of 25 hours"),
        pytest.param("Australia/Lord_Howe", (2025, 4, 5, 10), 30, id="half an hour shown twice"),
        pytest.param("Australia/Lord_Howe", (2025, 10, 4, 10), 30, id="half an hour never shown"),
        pytest.param("Pacific/Apia", (2011, 12, 29, 20), 40, id="a Friday that never was"),
        pytest.param("America/Havana", (2025, 3, 8, 20), 24, id="clocks jump over midnight"),
        pytest.param("America/Havana", (2025, 11, 1, 20), 24, id="clocks fall back over midnight"),
        pytest.param("Europe/Amsterdam", (1937, 6, 30, 12), 24, id="an offset with seconds"),
        pytest.param("Asia/Kathmandu", (2025, 4, 4, 12), 72, id="an offset of 45 minutes"),
    ],
)
def test_every_second_has_the_band_that_the_wall_clock_shows(
    zone: str, begin: tuple[int, int, int, int], hours: int
) -> None:
    """Read second by second, around every kind of change that clocks have ever made."""
    start = micros(*begin)
    end = start + hours * 3600 * SECOND
    clock = ZoneInfo(zone)
    seconds = [(at, read_off(clock, at)) for at in range(start, end, SECOND)]
    expected = [next(run) for _, run in groupby(seconds, key=lambda second: second[1])]

    schedule = BandSchedule(WEEK, zone, CALENDARS)

    assert schedule.pieces(start, end) == expected
    for at, code in expected:
        assert schedule.band_at(at) == code
    for (_, before), (at, _) in pairwise(expected):
        assert schedule.band_at(at - 1) == before


def test_the_timeline_says_the_same_as_its_pieces() -> None:
    """Vectorised and scalar pricing read one definition."""
    start = micros(2025, 3, 28, 12)
    end = start + 10 * 24 * 3600 * SECOND + 1
    schedule = BandSchedule(WEEK, "Europe/Amsterdam", CALENDARS)
    starts, places = schedule.timeline(start, end)

    assert starts[0] <= start
    inside = [
        (max(int(at), start), WEEK[place].code)
        for at, place in zip(starts, places, strict=True)
        if at < end
    ]
    inside = inside[sum(at <= start for at in starts.tolist()) - 1 :]
    assert inside == schedule.pieces(start, end)


def test_a_band_over_midnight_belongs_to_the_day_on_which_it_began() -> None:
    """Friday's night lasts into Saturday, Thursday's into no Friday."""
    schedule = BandSchedule((WEEK[2], TimeBand("else")), "UTC", {})
    friday = micros(2025, 4, 4)
    hour = 3600 * SECOND
    assert schedule.band_at(friday + 5 * hour) == "else"
    assert schedule.band_at(friday + 22 * hour) == "friday night"
    assert schedule.band_at(friday + 30 * hour - 1) == "friday night"
    assert schedule.band_at(friday + 30 * hour) == "else"


def test_the_first_band_in_order_decides() -> None:
    """A holiday is no working day, because its band comes first."""
    monday = micros(2025, 3, 31, 10)
    assert BandSchedule(WEEK, "UTC", CALENDARS).band_at(monday) == "holiday"
    assert BandSchedule(WEEK[1:], "UTC", CALENDARS).band_at(monday) == "peak"


def test_equal_hours_make_a_band_of_a_whole_day() -> None:
    """From six to six, weekdays being those of its first morning."""
    schedule = BandSchedule([TimeBand("sunday", (7,), 6 * 60, 6 * 60)], "UTC", {})
    sunday, day = micros(2025, 4, 6, 6), 24 * 3600 * SECOND
    assert schedule.pieces(sunday - 1, sunday + day + 1) == [
        (sunday - 1, ""),
        (sunday, "sunday"),
        (sunday + day, ""),
    ]


def test_a_plan_without_bands_has_one_that_is_called_nothing() -> None:
    """Conditions without bands hold in it."""
    schedule = BandSchedule((), "Europe/Amsterdam", {})
    assert schedule.band_at(5) == ""
    assert schedule.pieces(5, 10**15) == [(5, "")]
    starts, places = schedule.timeline(5, 10**15)
    assert (starts.tolist(), places.tolist()) == ([5], [NO_BAND])


def test_a_span_of_no_length_is_one_piece() -> None:
    """A call of no duration still begins in a band, also with midnight itself."""
    schedule = BandSchedule(WEEK, "UTC", CALENDARS)
    midnight = micros(2025, 4, 2)
    assert schedule.pieces(midnight, midnight) == [(midnight, "night")]


def test_a_schedule_forgets_days_before_it_grows_without_bound() -> None:
    """Whoever asks for every day of a decade gets answers, not a full memory."""
    schedule = BandSchedule(WEEK, "UTC", CALENDARS)
    start = micros(2030, 1, 1, 12)
    for day in range(DAYS_IN_MEMORY_MAX + 50):
        schedule.band_at(start + day * 24 * 3600 * SECOND)
    assert schedule._day.cache_info().currsize == DAYS_IN_MEMORY_MAX
    assert schedule.band_at(start) == "peak"


def reason_of(error: pytest.ExceptionInfo[DomainError]) -> tuple[str, str]:
    return error.value.reason, error.value.field_violations[0].field


@pytest.mark.parametrize(
    ("bands", "gap"),
    [
        ([TimeBand("working", (1, 2, 3, 4, 5))], "Saturday 00:00"),
        ([TimeBand("day", (), 6 * 60, 22 * 60)], "Monday 00:00"),
        ([TimeBand("late", (), 22 * 60, 6 * 60), TimeBand("day", (), 361, 1320)], "Monday 06:00"),
        ([TimeBand("year", first_date=date(2025, 1, 1))], "Monday 00:00"),
        ([TimeBand("shop", not_on_holidays_of="empty")], "Monday 00:00"),
        ([TimeBand("most", (1, 2, 3, 4, 5, 6)), TimeBand("sun", (7,), 0, 1439)], "Sunday 23:59"),
    ],
)
def test_a_week_with_a_gap_is_refused_with_the_minute(bands: list[TimeBand], gap: str) -> None:
    """Every instant needs a band, however holidays and dates fall."""
    with pytest.raises(DomainError, match=f"TIME_BAND_GAP: .*{gap}"):
        check_covers(bands)


def test_a_week_without_a_gap_is_accepted() -> None:
    """The nights of a week join its days to the minute."""
    joined = [TimeBand("day", (), 6 * 60, 22 * 60), TimeBand("night", (), 22 * 60, 6 * 60)]
    assert refusal_reason(lambda: check_covers([])) == ""
    assert refusal_reason(lambda: check_covers(joined)) == ""
    assert refusal_reason(lambda: check_bands(WEEK)) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        TimeBand("band", weekdays=(0,)),
        TimeBand("band", weekdays=(8,)),
        TimeBand("band", from_minute=-1),
        TimeBand("band", from_minute=1440),
        TimeBand("band", to_minute=1441),
        TimeBand("band", to_minute=-1),
        TimeBand("band", first_date=date(2025, 1, 2), last_date=date(2025, 1, 1)),
        TimeBand("else"),
    ],
)
def test_an_impossible_band_is_refused_by_its_place(wrong: TimeBand) -> None:
    """So that whoever wrote it finds it."""
    with pytest.raises(DomainError) as error:
        check_bands([TimeBand("else"), wrong])
    assert reason_of(error) == ("INVALID_TIME_BAND", "revision.time_bands[1]")


def test_too_many_bands_are_refused() -> None:
    """A price that depends on more parts of the week is a mistake."""
    bands = [TimeBand(f"band {number}") for number in range(TIME_BANDS_MAX)]
    check_bands(bands)
    with pytest.raises(DomainError) as error:
        check_bands([*bands, TimeBand("else")])
    assert reason_of(error) == ("INVALID_TIME_BAND", "revision.time_bands")


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe", "Europe/\0"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    """Whatever stands in the field, it never becomes the path of a file."""
    with pytest.raises(DomainError) as error:
        BandSchedule((), name, {})
    assert reason_of(error) == ("INVALID_TIME_ZONE", "time_zone")

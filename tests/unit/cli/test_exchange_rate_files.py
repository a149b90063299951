"""A file of exchange rates: read line by line, refused as a whole only where it is no such file."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from cli.exchange_rates import add_exchange_rates, read_lines

HEADING = "from,to,rate,effective_time,source\n"


def file_of(folder: Path, content: str) -> Path:
    """A file with a content."""
    file = folder / "rates.csv"
    file.write_text(content, encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-01", datetime(2026, 3, 1, tzinfo=UTC)),
        ("2026-03-01T16:00:00", datetime(2026, 3, 1, 16, tzinfo=UTC)),
        ("2026-03-01T16:00:00Z", datetime(2026, 3, 1, 16, tzinfo=UTC)),
        (" 2026-03-01T16:00:00+01:00 ", datetime(2026, 3, 1, 15, tzinfo=UTC)),
    ],
)
def test_times_are_utc_unless_they_name_a_zone(tmp_path: Path, text: str, moment: datetime) -> None:
    """A date begins at midnight."""
    [line] = read_lines(file_of(tmp_path, f"{HEADING}USD,EUR,0.92,{text},ECB\n"))
    assert line.rate.effective_time.ToDatetime(UTC) == moment
    assert not line.reason


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "0001-01-01T00:00:00+14:00"])
def test_a_line_without_a_time_is_refused_by_itself(tmp_path: Path, text: str) -> None:
    """The lines around it are added."""
    good = "USD,EUR,0.92,2026-03-01,ECB\n"
    file = file_of(tmp_path, f"{HEADING}{good}GBP,EUR,1.17,{text},ECB\n{good}")
    lines = list(read_lines(file))
    assert [(line.number, line.reason) for line in lines] == [
        (2, ""),
        (3, "INVALID_TIME"),
        (4, ""),
    ]
    assert repr(text) in lines[1].advice


def test_columns_are_found_by_name(tmp_path: Path) -> None:
    """In any order, beside others; a spreadsheet's byte order mark is no part of the first name."""
    content = "\ufeffsource,note,rate,to,from,effective_time\nECB,x,0.92,EUR,USD,2026-03-01\n"
    [line] = read_lines(file_of(tmp_path, content))
    assert (line.rate.from_currency_code, line.rate.to_currency_code) == ("USD", "EUR")
    assert (line.rate.rate.value, line.rate.source) == ("0.92", "ECB")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("from,to,rate\n", "effective_time, source"),
        ("", "from, to, rate, effective_time, source"),
        (HEADING, "no rates below its first line"),
        (f"{HEADING}USD,EUR,{'9' * 200_000},2026-03-01,ECB\n", "after line 1: field larger"),
    ],
)
def test_a_file_that_holds_no_rates_is_refused(tmp_path: Path, content: str, told: str) -> None:
    """Nobody is asked about it."""
    with pytest.raises(typer.BadParameter, match=told):
        add_exchange_rates(None, file_of(tmp_path, content), "aurora")  # type: ignore[arg-type]

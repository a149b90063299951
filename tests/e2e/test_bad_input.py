"""Bad call files by the command line: every record ends somewhere, and is told what to do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from kernel.ids import new_uuid
from tests.support.operator import MONTH, Operator
from tests.support.placed_calls import PlacedCall, asterisk_csv
from tests.support.suite import Suite

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="session")]

RECORDS = re.compile(
    r"([\d,]+) received = ([\d,]+) accepted \+ ([\d,]+) duplicate \+ ([\d,]+) in suspense"
)
HUGE_LINE_BYTES = 10 * 1024 * 1024
DAYS_60_SECONDS = 60 * 24 * 3_600


@dataclass(frozen=True, slots=True)
class Totals:
    """How the records of one import ended."""

    received: int
    accepted: int
    duplicate: int
    suspended: int


@dataclass
class Desk:
    """An operator of a tenant of its own, who imports files by the command line."""

    suite: Suite
    operator: Operator
    folder: Path

    def import_calls(self, content: bytes, name: str = "Master.csv") -> Totals:
        """Import a file; the figures that are shown must add up."""
        file = self.folder / name
        file.write_bytes(content)
        shown = self.tollbook("import-calls", str(file), "--source", "pbx")
        figures = RECORDS.search(shown)
        assert figures is not None, shown
        totals = Totals(*(int(figure.replace(",", "")) for figure in figures.groups()))
        assert totals.received == totals.accepted + totals.duplicate + totals.suspended
        return totals

    def in_suspense(self) -> list[tuple[str, str, str]]:
        """What the list of suspended records shows: origin, reason, what to do."""
        shown = self.tollbook("suspense", "list")
        rows = (re.split(r" {2,}", line.strip()) for line in shown.splitlines()[2:])
        return [(origin, reason, advice) for origin, reason, advice in rows]

    def tollbook(self, command: str, *arguments: str) -> str:
        """Run a command for the tenant; it must succeed."""
        done = self.suite.tollbook(command, *arguments, "--tenant", self.operator.tenant_id)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest_asyncio.fixture(loop_scope="session")
async def desk(suite: Suite, tmp_path: Path) -> Desk:
    """An operator with one account, desk-1."""
    operator = Operator(suite, f"t{new_uuid()[-12:]}")
    await operator.set_up(["desk-1"])
    return Desk(suite, operator, tmp_path)


def calls(numbers: Sequence[int], account_code: str = "desk-1") -> list[PlacedCall]:
    """Calls of a minute, an hour apart."""
    return [
        PlacedCall(account_code, "31612345678", MONTH + timedelta(hours=n), 60, f"call-{n}")
        for n in numbers
    ]


async def test_the_same_file_twice_gives_only_duplicates(desk: Desk) -> None:
    """By another name too: what counts is what is in it."""
    content = asterisk_csv(calls(range(5)))
    assert desk.import_calls(content) == Totals(5, 5, 0, 0)
    assert desk.import_calls(content) == Totals(5, 0, 5, 0)
    assert desk.import_calls(content, "copy.csv") == Totals(5, 0, 5, 0)


async def test_of_two_overlapping_files_every_call_is_taken_once(desk: Desk) -> None:
    """Calls 3 and 4 are in both."""
    assert desk.import_calls(asterisk_csv(calls(range(5))), "monday.csv") == Totals(5, 5, 0, 0)
    assert desk.import_calls(asterisk_csv(calls(range(3, 9)))) == Totals(6, 4, 2, 0)


async def test_a_truncated_last_line_waits_for_the_complete_file(desk: Desk) -> None:
    """A cut-off line is never taken for a call; the complete file then brings the call."""
    content = asterisk_csv(calls(range(3)))
    assert desk.import_calls(content[:-20]) == Totals(3, 2, 0, 1)
    [(origin, reason, advice)] = desk.in_suspense()
    assert (origin, reason) == ("Master.csv:3", "MALFORMED_RECORD")
    assert "import the complete file" in advice
    assert desk.import_calls(content) == Totals(3, 1, 2, 0)


async def test_a_wrong_encoding_spoils_only_its_own_record(desk: Desk) -> None:
    """A caller's name in Latin-1; the neighbours are accepted."""
    lines = asterisk_csv(calls(range(3))).splitlines(keepends=True)
    lines[1] = lines[1].replace(b"Desk", "Zoë".encode("latin-1"))
    assert desk.import_calls(b"".join(lines)) == Totals(3, 2, 0, 1)
    [(origin, reason, advice)] = desk.in_suspense()
    assert (origin, reason) == ("Master.csv:2", "INVALID_ENCODING")
    assert "UTF-8" in advice


async def test_a_call_of_an_unknown_account_is_taken_once_its_line_is_there(desk: Desk) -> None:
    """It says which line is missing; the line comes, and a retry by hand finds nothing left."""
    assert desk.import_calls(asterisk_csv(calls([1], "desk-9"))) == Totals(1, 0, 0, 1)
    [(_, reason, advice)] = desk.in_suspense()
    assert reason == "UNKNOWN_LINE"
    assert "desk-9" in advice
    await desk.operator.add_line("desk-1", "desk-9")
    await desk.operator.known_everywhere()
    desk.tollbook("suspense", "retry")
    assert "nothing" in desk.tollbook("suspense", "list")
    assert desk.import_calls(asterisk_csv(calls([1], "desk-9"))) == Totals(1, 0, 1, 0)


async def test_an_absurd_duration_is_not_billed(desk: Desk) -> None:
    """Nobody telephones for sixty days."""
    [long] = calls([1])
    absurd = PlacedCall("desk-1", long.callee, long.start, DAYS_60_SECONDS, "call-60-days")
    assert desk.import_calls(asterisk_csv([absurd, *calls([2])])) == Totals(2, 1, 0, 1)
    [(_, reason, advice)] = desk.in_suspense()
    assert reason == "ABSURD_DURATION"
    assert str(DAYS_60_SECONDS) in advice


async def test_a_line_of_ten_megabytes_stops_nothing_but_itself(desk: Desk) -> None:
    """The calls before and after it are accepted; its beginning is kept, and how long it is."""
    before, after = asterisk_csv(calls([1])), asterisk_csv(calls([2]))
    huge = b'"desk-1","' + b"9" * HUGE_LINE_BYTES + b'"\n'
    assert desk.import_calls(before + huge + after) == Totals(3, 2, 0, 1)
    [(origin, reason, advice)] = desk.in_suspense()
    assert (origin, reason) == ("Master.csv:2", "RECORD_TOO_LONG")
    assert str(len(huge)) in advice


async def test_an_empty_file_and_a_file_that_is_none_are_told_apart(desk: Desk) -> None:
    """Nothing received is no failure; a source that does not exist is."""
    assert desk.import_calls(b"") == Totals(0, 0, 0, 0)
    command = ("import-calls", str(desk.folder / "Master.csv"), "--source", "nowhere")
    done = desk.suite.tollbook(*command, "--tenant", desk.operator.tenant_id)
    assert done.returncode == 1
    assert "nowhere" in done.stderr

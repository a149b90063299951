"""Cutting files into records: whatever the pieces, the same records, in bounded memory."""

import json
import tracemalloc
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cdr.domain.framing import (
    DOCUMENT_BYTES_MAX,
    KEPT_BYTES_MAX,
    LINE_BYTES_MAX,
    Framer,
    document_framer,
    line_framer,
)
from services.cdr.domain.records import RawRecord, Reason


def cut(framer: Framer, chunks: Iterable[bytes]) -> list[RawRecord]:
    records = [record for chunk in chunks for record in framer.feed(chunk)]
    return records + framer.finish()


def reasons(records: list[RawRecord]) -> list[Reason | None]:
    return [record.damage.reason if record.damage else None for record in records]


@given(
    lines=st.lists(st.text(alphabet='ab"{}\\ ', max_size=20), max_size=20),
    sizes=st.lists(st.integers(1, 7), min_size=1, max_size=20),
    make=st.sampled_from([line_framer, document_framer]),
)
def test_records_do_not_depend_on_how_the_file_arrives(
    lines: list[str], sizes: list[int], make: Callable[[str], Framer]
) -> None:
    """A file in pieces of any size gives the records of the whole file, and its whole length."""
    content = "\n".join(lines).encode()
    chunks: list[bytes] = []
    at = 0
    while at < len(content):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(content[at : at + size])
        at += size
    pieces, whole = make("file"), make("file")
    assert cut(pieces, chunks) == cut(whole, [content])
    assert pieces.position == whole.position == len(content)


def test_each_line_is_a_record_with_its_number() -> None:
    """Blank lines are no records, and are counted as lines."""
    records = cut(line_framer("Master.csv"), [b"one\r\n\n  \ntwo\n"])
    assert [(record.content, record.origin) for record in records] == [
        (b"one", "Master.csv:1"),
        (b"two", "Master.csv:4"),
    ]


def test_a_last_line_without_its_end_is_not_taken_before_the_file_is_finished() -> None:
    """Asterisk may be about to write the rest of it."""
    framer = line_framer("Master.csv")
    assert [record.content for record in framer.feed(b"one\ntw")] == [b"one"]
    assert framer.position == 4
    assert [record.content for record in framer.feed(b"o\n")] == [b"two"]


def test_a_file_that_ends_inside_a_line_has_a_damaged_record() -> None:
    """A cut line may still look whole with fewer digits, so it is never taken as it is."""
    [record] = cut(line_framer("Master.csv"), [b'"a","12'])
    assert record.damage is not None
    assert record.damage.reason is Reason.MALFORMED_RECORD
    assert "ends inside this line" in record.damage.message


@pytest.mark.parametrize(
    ("make", "limit"), [(line_framer, LINE_BYTES_MAX), (document_framer, DOCUMENT_BYTES_MAX)]
)
def test_a_record_of_exactly_the_limit_is_read_and_one_byte_more_is_not(
    make: Callable[[str], Framer], limit: int
) -> None:
    """The limit counts the line end."""
    assert reasons(make("f").feed(b"x" * (limit - 1) + b"\n")) == [None]
    assert reasons(make("f").feed(b"x" * limit + b"\n")) == [Reason.RECORD_TOO_LONG]


def test_a_line_of_ten_megabytes_is_skipped_in_little_memory() -> None:
    """Its beginning is kept, what follows it is read, and it never is in memory as a whole."""
    framer = line_framer("Master.csv")
    tracemalloc.start()
    records = framer.feed(b"before\n")
    for _ in range(160):
        records += framer.feed(b"x" * 65_536)
    records += framer.feed(b"\nafter\n")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert reasons(records) == [None, Reason.RECORD_TOO_LONG, None]
    assert records[1].content == b"x" * KEPT_BYTES_MAX
    assert "10485761 bytes" in (records[1].damage.message if records[1].damage else "")
    assert peak < 1_000_000


def test_two_long_lines_are_told_apart_by_all_their_bytes() -> None:
    """Kept alike, they are still two records."""
    long = b"x" * 200_000
    first, second = cut(line_framer("f"), [long + b"1\n" + long + b"2\n"])
    assert first.content == second.content
    assert first.digest != second.digest


def test_documents_may_span_lines_or_share_one() -> None:
    """Pretty-printed, one a line, or back to back."""
    document = {"variables": {"note": 'a "brace" } and {', "path": "c:\\"}}
    printed = json.dumps(document, indent=2).encode()
    one_line = json.dumps(document).encode()
    records = cut(document_framer("f"), [printed + b"\n" + one_line + one_line + b"\n"])
    assert [json.loads(record.content) for record in records] == [document] * 3


def test_a_truncated_document_does_not_swallow_the_next() -> None:
    """JSON has no line end inside a string: there the damaged document ends."""
    good = b'{"variables": {}}\n'
    records = cut(document_framer("f"), [b'{"variables": {"uu\n' + good])
    assert [record.content for record in records] == [b'{"variables": {"uu', good.strip()]


def test_what_is_no_object_is_a_record_up_to_its_line_end() -> None:
    """So a percent-encoded document is one record, and so is rubbish."""
    records = cut(document_framer("f"), [b"%7B%7D\nrubbish\n{}\n"])
    assert [record.content for record in records] == [b"%7B%7D", b"rubbish", b"{}"]


def test_reading_on_continues_the_numbers() -> None:
    """A file that grew by a line has that line's number and position."""
    framer = line_framer("Master.csv").resume(100, 7)
    [record] = framer.feed(b"eighth\n")
    assert (record.origin, framer.position) == ("Master.csv:8", 107)

"""Cuts a stream of bytes into records, in bounded memory: lines, or JSON documents."""

import hashlib
import re
from collections.abc import Callable

from services.cdr.domain.records import RawRecord, Reason, Rejection

KEPT_BYTES_MAX = 64 * 1024
LINE_BYTES_MAX = KEPT_BYTES_MAX
DOCUMENT_BYTES_MAX = 1024 * 1024

INCOMPLETE = -1

_CUT_OFF = Rejection(
    Reason.MALFORMED_RECORD,
    "the file ends inside this line, which may have lost digits; import the complete file, "
    "or retry the record if nothing is missing but the line end",
)

# A whole string, a brace, or a quote whose string does not end on its line.
_TOKEN = re.compile(rb'"(?:[^"\\\n]|\\[^\n])*"|[{}"]')
_NOT_BLANK = re.compile(rb"\S")


class Framer:
    """Cuts one file; `position` is the end of the last record that was handed out."""

    def __init__(
        self,
        find_end: Callable[[bytes, int], int],
        bytes_max: int,
        name: str,
        rest: Rejection | None = None,
    ) -> None:
        self.position = 0
        self.record_count = 0
        self._find_end = find_end
        self._bytes_max = bytes_max
        self._name = name
        self._rest = rest
        self._pending = b""
        self._skipping: _Skipping | None = None

    def resume(self, position: int, record_count: int) -> "Framer":
        """Continue where an earlier framer of the same file has stopped."""
        self.position, self.record_count = position, record_count
        return self

    def feed(self, chunk: bytes) -> list[RawRecord]:
        """Take the next bytes and hand out the records that are now complete."""
        records: list[RawRecord] = []
        if self._skipping is not None:
            chunk = self._skip(self._skipping, chunk, records)
        buffer = self._pending + chunk
        start = 0
        while (end := self._find_end(buffer, start)) != INCOMPLETE:
            if end - start > self._bytes_max:
                self._skip(_Skipping(), buffer[start:end], records)
            else:
                self._take(buffer[start:end], None, records)
            start = end
        self._pending = buffer[start:]
        if len(self._pending) > self._bytes_max:
            self._skipping = _Skipping()
            self._pending = self._skip(self._skipping, self._pending, records)
        return records

    def finish(self) -> list[RawRecord]:
        """Hand out what is left: nothing will follow."""
        records: list[RawRecord] = []
        if self._skipping is not None:
            self._end_skipping(self._skipping, records)
        elif self._pending:
            rest, self._pending = self._pending, b""
            self._take(rest, self._rest, records)
        return records

    def _take(self, framed: bytes, damage: Rejection | None, records: list[RawRecord]) -> None:
        self.position += len(framed)
        self.record_count += 1
        content = framed.rstrip(b"\r\n")
        if content and not content.isspace():
            records.append(RawRecord(content, f"{self._name}:{self.record_count}", damage))

    def _skip(self, skipping: "_Skipping", chunk: bytes, records: list[RawRecord]) -> bytes:
        """Drop bytes up to the next line end and return what follows it."""
        end = chunk.find(b"\n") + 1
        skipping.add(chunk[:end] if end else chunk)
        if not end:
            return b""
        self._end_skipping(skipping, records)
        return chunk[end:]

    def _end_skipping(self, skipping: "_Skipping", records: list[RawRecord]) -> None:
        self._skipping = None
        self.position += skipping.size
        self.record_count += 1
        damage = Rejection(
            Reason.RECORD_TOO_LONG,
            f"the record has {skipping.size} bytes, at most {self._bytes_max} are read; its first "
            f"{KEPT_BYTES_MAX} are kept here: correct it in the file and import the file again",
        )
        origin = f"{self._name}:{self.record_count}"
        digest = skipping.digest.digest()
        records.append(RawRecord(skipping.beginning, origin, damage, digest))


class _Skipping:
    """A record that is too long, while its bytes go by."""

    def __init__(self) -> None:
        self.size = 0
        self.beginning = b""
        self.digest = hashlib.sha256()

    def add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self.beginning += chunk[: KEPT_BYTES_MAX - len(self.beginning)]
        self.digest.update(chunk)


def line_framer(name: str) -> Framer:
    """One record a line; a last line without a line end is cut off."""
    return Framer(_end_of_line, LINE_BYTES_MAX, name, rest=_CUT_OFF)


def document_framer(name: str) -> Framer:
    """One record a JSON object, over any number of lines."""
    return Framer(_end_of_document, DOCUMENT_BYTES_MAX, name)


def _end_of_line(buffer: bytes, start: int) -> int:
    return buffer.find(b"\n", start) + 1 or INCOMPLETE


def _end_of_document(buffer: bytes, start: int) -> int:
    """Where the object that begins here ends; what is no object ends with its line.

    A string never runs over a line end in JSON. One that does is damage, and the damaged record
    ends with that line, so that the records after it are read.
    """
    first = _NOT_BLANK.search(buffer, start)
    if first is None:
        return INCOMPLETE
    if first[0] != b"{":
        return _end_of_line(buffer, first.start())
    depth = 0
    for token in _TOKEN.finditer(buffer, first.start()):
        if token[0] == b"{":
            depth += 1
        elif token[0] == b"}":
            depth -= 1
            if depth == 0:
                return token.end()
        elif token[0] == b'"':
            return _end_of_line(buffer, token.start())
    return INCOMPLETE

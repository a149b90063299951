"""A carrier's CSV file: a header, and rows that are known by their line."""

import csv
import io
from collections.abc import Iterator, Sequence
from itertools import islice

from services.rating.domain.errors import invalid_field

ENCODING = "utf-8-sig"


class Sheet:
    """A CSV file with its header; each line is a row, so that a stray quote spoils only its own."""

    def __init__(
        self,
        content: bytes,
        field_name: str,
        delimiter: str,
        headerless: bool,
        header_row: int = 1,
    ) -> None:
        self._field = field_name
        self._delimiter = delimiter
        self._lines = enumerate(self._decoded(content), start=1)
        self._header = None if headerless else self._read_header(header_row)

    def find(self, **columns: str) -> dict[str, int]:
        """The position of each named column; unnamed ones are left out."""
        return {key: self._position(column) for key, column in columns.items() if column}

    def rows(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Rows that are not blank, with their line; a row without cells cannot be read."""
        for row_number, line in self._lines:
            if line.strip(self._delimiter + " \t\n"):
                yield row_number, self._cells(line)

    def _decoded(self, content: bytes) -> Iterator[str]:
        """The lines of the file, decoded as they are read: the file is large."""
        try:
            yield from io.TextIOWrapper(io.BytesIO(content), ENCODING, newline=None)
        except UnicodeDecodeError:
            raise invalid_field(
                "INVALID_ENCODING",
                self._field,
                f"byte {_first_wrong_byte(content)} is not UTF-8; save the file as CSV UTF-8",
            ) from None

    def _read_header(self, header_row: int) -> list[str]:
        _, line = next(islice(self._lines, header_row - 1, None), (0, ""))
        return [cell.strip() for cell in self._cells(line)]

    def _cells(self, line: str) -> Sequence[str]:
        try:
            return next(csv.reader([line], delimiter=self._delimiter, strict=True), [])
        except csv.Error:
            return []

    def _position(self, column: str) -> int:
        if self._header is not None and self._header.count(column) == 1:
            return self._header.index(column)
        if self._header is None and column.isascii() and column.isdigit() and int(column) > 0:
            return int(column) - 1
        known = ", ".join(self._header) if self._header is not None else "positions from 1"
        raise invalid_field(
            "COLUMN_NOT_FOUND",
            self._field,
            f"the file has not exactly one column {column!r}; it has: {known[:500]}",
        )


def _first_wrong_byte(content: bytes) -> int:
    """Where a file is no longer UTF-8, counting from 1."""
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return error.start + 1
    return len(content)

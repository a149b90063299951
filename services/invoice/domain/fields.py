"""Rules for the fields of resources, checked together: a caller sees at once all that is wrong."""

import re
from unicodedata import category

from kernel.errors import FieldViolation
from kernel.ids import is_uuid
from services.invoice.domain.errors import invalid_fields

_COUNTRY = re.compile(r"[A-Z]{2}")


class FieldRules:
    """Collects what is wrong with the fields of one resource."""

    def __init__(self) -> None:
        self._violations: list[FieldViolation] = []

    def require(self, holds: bool, field: str, rule: str) -> None:
        """Note a broken rule."""
        if not holds:
            self._violations.append(FieldViolation(field, rule))

    def length(self, text: str, field: str, longest: int, shortest: int = 1) -> None:
        """A text of one line has a length in characters and no blanks around it."""
        fits = shortest <= len(text) <= longest and text == text.strip()
        self.require(fits, field, f"must have {shortest} to {longest} characters, no blanks around")
        # They would be invisible on an invoice, and break its lines.
        is_clean = all(category(character) != "Cc" for character in text)
        self.require(is_clean, field, "must have no control characters")

    def lines(self, text: str, field: str, longest: int) -> None:
        """A text of several lines, or none, that has a length in characters in all."""
        self.length(text.replace("\n", " "), field, longest, 0)

    def country(self, code: str, field: str) -> None:
        """A country is written as ISO 3166-1 alpha-2 does."""
        self.require(bool(_COUNTRY.fullmatch(code)), field, "must be two capital letters, e.g. NL")

    def uuid(self, text: str, field: str) -> None:
        """An id is a UUID in small letters."""
        self.require(is_uuid(text), field, "must be a UUID in small letters")

    def check(self) -> None:
        """Raise INVALID_FIELDS when any rule was broken."""
        if self._violations:
            raise invalid_fields(self._violations)

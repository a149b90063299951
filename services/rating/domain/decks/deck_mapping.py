"""What the columns of a carrier's rate sheet mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from services.rating.domain.decks.rate_deck import increment_max
from services.rating.domain.errors import invalid_field
from services.rating.domain.usage import Service

DEFAULT_INCREMENT_SECONDS = 60
CODE_SEPARATORS = frozenset(",;/| ")


class CodeHyphen(IntEnum):
    """What a hyphen in a code means; see tollbook.rating.v1.CodeCells.Hyphen."""

    REFUSED = 0
    RANGE = 1
    JOINS = 2


@dataclass(frozen=True, slots=True)
class CodeCells:
    """What the cells of codes may hold besides the digits of one prefix."""

    country_code_column: str = ""
    separators: str = ""
    spaces_group_digits: bool = False
    hyphen: CodeHyphen = CodeHyphen.REFUSED


@dataclass(frozen=True, slots=True)
class DestinationsMapping:
    """The columns of a second file, joined by prefix."""

    prefix_column: str
    name_column: str
    increment_column: str = ""
    minimum_column: str = ""


@dataclass(frozen=True, slots=True)
class DeckMapping:
    """The columns of the rates file and what their numbers mean; empty names mean 'none'."""

    prefix_column: str
    price_column: str
    destination_column: str = ""
    connect_fee_column: str = ""
    first_increment_column: str = ""
    next_increment_column: str = ""
    minimum_column: str = ""
    grace_column: str = ""
    delimiter: str = ","
    headerless: bool = False
    decimal_separator: str = "."
    price_denominator: int = 1
    price_unit: int = 0
    """Base units that a price is for; 0: the unit of the service."""
    default_first_increment: int = 0
    default_next_increment: int = 0
    """0: as is usual for the service."""
    destinations: DestinationsMapping | None = None
    codes: CodeCells | None = None
    """None: a cell holds the digits of one prefix."""
    increments_column: str = ""
    header_row: int = 1
    status_column: str = ""
    withdrawn_statuses: Sequence[str] = ()
    service: Service = Service.VOICE

    @property
    def first_increment(self) -> int:
        """The first increment of a row that has none."""
        return self.default_first_increment or self._usual_increment

    @property
    def next_increment(self) -> int:
        """The next increment of a row that has none."""
        return self.default_next_increment or self._usual_increment

    @property
    def _usual_increment(self) -> int:
        return DEFAULT_INCREMENT_SECONDS if self.service is Service.VOICE else 1

    def check(self) -> None:
        """Refuse what no file could be read with: INVALID_MAPPING."""
        for name in self._wrong():
            raise invalid_field("INVALID_MAPPING", f"mapping.{name}", f"{getattr(self, name)!r}")
        for name in ("prefix_column", "name_column") if self.destinations else ():
            if not getattr(self.destinations, name):
                raise invalid_field("INVALID_MAPPING", f"mapping.destinations.{name}", "set it")

    def _wrong(self) -> list[str]:
        """The fields that have no meaning."""
        wrong = [name for name in ("prefix_column", "price_column") if not getattr(self, name)]
        if self.delimiter not in {",", ";", "|", "\t"}:
            wrong.append("delimiter")
        if self.decimal_separator not in {".", ","}:
            wrong.append("decimal_separator")
        if self.price_denominator < 1:
            wrong.append("price_denominator")
        if self.price_unit < 0:
            wrong.append("price_unit")
        most = increment_max(self.service)
        defaults = ("default_first_increment", "default_next_increment")
        wrong += [name for name in defaults if not 0 <= getattr(self, name) <= most]
        if self.increments_column and (self.first_increment_column or self.next_increment_column):
            wrong.append("increments_column")
        if self.header_row < 1 or (self.headerless and self.header_row > 1):
            wrong.append("header_row")
        if bool(self.status_column) is not bool(self.withdrawn_statuses):
            wrong.append("status_column")
        if self.codes and not self._has_meaning(self.codes):
            wrong.append("codes")
        if self.grace_column and self.service is not Service.VOICE:
            wrong.append("grace_column")
        return wrong

    @staticmethod
    def _has_meaning(codes: CodeCells) -> bool:
        is_space_both = codes.spaces_group_digits and " " in codes.separators
        return CODE_SEPARATORS.issuperset(codes.separators) and not is_space_both

"""Charges by column: a thousand settlements pass without an object for each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from services.rating.domain.charges.charge import ChargeRevision

_PLACES = {name: place for place, name in enumerate(ChargeRevision._fields)}


class ChargeColumns:
    """Settlements, a place each; as revisions only where somebody asks for them."""

    def __init__(self, columns: Sequence[Sequence[Any]]) -> None:
        """Take columns in the order of the fields of a revision."""
        self.columns = columns

    @classmethod
    def of(cls, revisions: Sequence[ChargeRevision]) -> ChargeColumns:
        """The columns of revisions."""
        if not revisions:
            return cls([[] for _ in ChargeRevision._fields])
        return cls(list(zip(*revisions, strict=True)))

    def __len__(self) -> int:
        return len(self.columns[0])

    def __getitem__(self, name: str) -> Sequence[Any]:
        """The column of a field."""
        return self.columns[_PLACES[name]]

    @cached_property
    def revisions(self) -> list[ChargeRevision]:
        """A revision for each place."""
        return list(map(ChargeRevision._make, zip(*self.columns, strict=True)))

    def select(self, places: Sequence[int]) -> ChargeColumns:
        """The settlements at some places."""
        return ChargeColumns([[column[place] for place in places] for column in self.columns])

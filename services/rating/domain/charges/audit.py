"""What reconciliation compares: tallies of what came in with the state of what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from services.rating.domain.charges.settlement import Outcome


class BatchCounts(NamedTuple):
    """What events of cdr brought: records, and those of calls whose charge was open already."""

    collected: int
    merged: int


class ChargedSum(NamedTuple):
    """The settlements of one currency; unrated ones have none."""

    currency: str
    revision_count: int
    amount_micros: int


@dataclass(frozen=True, slots=True)
class TenantDigest:
    """The counts and sums of one tenant: collected = rated + zero + unrated + merged."""

    tenant_id: str
    batches: BatchCounts
    outcomes: Mapping[int, int]
    sums: Sequence[ChargedSum]

    def count(self, outcome: Outcome) -> int:
        """How many calls ended so."""
        return self.outcomes.get(outcome, 0)

    @property
    def revision_count(self) -> int:
        """Settlements with a price, zero included."""
        return sum(each.revision_count for each in self.sums if each.currency)

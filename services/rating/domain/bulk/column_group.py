"""A group of calls that are priced together: what they have in common, and their columns."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kernel.money import NANOS_PER_MICRO
from services.rating.domain.bulk.column_amounts import Scale
from services.rating.domain.bulk.column_terms import Situation
from services.rating.domain.decks.prefix_table import Int32s, Int64s, PrefixTable
from services.rating.domain.tariffs.exchange import Exchange
from services.rating.domain.tariffs.terms import CACHED_RATES_MAX, DeckVersion, Terms
from services.rating.domain.usage import Service

Bools = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


class GroupTerms(NamedTuple):
    """What the calls of a group have in common."""

    terms: Terms
    situation: Situation
    version: DeckVersion
    table: PrefixTable
    currency: str
    """Of the accounts."""
    to_plan: Exchange
    """From the deck's currency to the plan's."""
    to_account: Exchange
    """From the plan's."""

    @property
    def receipts(self) -> dict[Any, Any]:
        """What receipts of such calls have in common, by row and band; kept with the terms."""
        version_id = self.version.rate_deck_version_id
        key = (
            "receipts",
            self.situation.failing,
            version_id,
            self.currency,
            self.to_plan,
            self.to_account,
        )
        kept = self.terms.kept
        known: dict[Any, Any] | None = kept.get(key)
        if known is None:
            if len(kept) >= CACHED_RATES_MAX:
                kept.clear()
            known = kept[key] = {}
        return known

    @property
    def unit(self) -> int:
        """A price in nanos over this is one of a second in micros."""
        return Service.VOICE.unit_size * NANOS_PER_MICRO


class ColumnGroup(NamedTuple):
    """Calls that were priced together."""

    common: GroupTerms
    places: Places
    rows: Places
    durations_ms: Int64s
    charged: Int64s
    """0 for those in grace."""
    amounts: Int64s
    plan_amounts: Int64s
    """Amounts before exchange and rounding, in scale.plan parts of a micro."""
    scale: Scale
    bands: Int32s
    """In which each call begins, by its place in the plan."""
    crossings: Places
    """How many other bands each call crosses."""
    in_grace: Bools

    @property
    def is_whole(self) -> Bools:
        """Whether all of a call has one price."""
        tiers = self.common.situation.tiers
        whole: Bools = self.crossings == 0
        return whole if len(tiers) == 1 else whole & (self.charged <= tiers[1].start)

    @property
    def exact(self) -> Int64s:
        """Amounts before rounding, in scale.account parts of a micro."""
        return self.plan_amounts * self.scale.factor

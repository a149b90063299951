"""Suppliers: carriers that calls are handed to, what they charge, and how well they do it.

A supplier is priced like a customer of a plan of its own, made here of its decks: whole seconds
rounded up, its increments, and the exact cost rounded half up to the micro in its currency.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from kernel.clock import to_micros
from kernel.rounding import RoundingMode
from services.rating.domain.errors import invalid_field
from services.rating.domain.naming import check_code, check_display_name
from services.rating.domain.plans.plan import RATE_DECKS_MAX, Plan, PlanRevision
from services.rating.domain.plans.rounding_rules import (
    PRICE_DECIMALS_MAX,
    DurationRounding,
    PriceRule,
)

QUALITY_MAX = 100
WEIGHT_MAX = 1_000
TRUNKS_MAX = 64

COST_RULE = PriceRule(RoundingMode.HALF_UP, PRICE_DECIMALS_MAX)


@dataclass(frozen=True, slots=True)
class Supplier:
    """A supplier as it is from a time on."""

    supplier_id: str
    code: str
    display_name: str
    currency: str
    """Of all its decks; never changes."""
    rate_deck_ids: tuple[str, ...]
    """In the order in which they are asked for a number."""
    quality: int
    """0 to 100, as the tenant judges it."""
    weight: int
    """0 to 1,000: its share of the traffic, in proportion to the others' weights."""
    trunks: tuple[str, ...]
    """Names of the egress trunks by which call records name it."""
    enabled: bool
    revision: int
    """Counts changes from 1."""
    effective_time: datetime
    """From when on it is so; the first holds for earlier calls too."""
    create_time: datetime

    @property
    def plan(self) -> Plan:
        """Its tariff, as the head of a plan."""
        return Plan(self.supplier_id, self.code, self.display_name, self.currency, self.create_time)

    @property
    def terms(self) -> PlanRevision:
        """Its tariff, as terms of that plan."""
        return PlanRevision(
            plan_revision_id=f"{self.supplier_id}/{self.revision}",
            plan_id=self.supplier_id,
            revision=self.revision,
            effective_time=self.effective_time,
            rate_deck_ids=self.rate_deck_ids,
            duration_rounding=DurationRounding.UP,
            price_rule=COST_RULE,
            monthly_fee_micros=0,
        )


class Suppliers:
    """All suppliers of a tenant over time."""

    def __init__(self, history: Iterable[Supplier]) -> None:
        ordered = sorted(history, key=lambda each: (each.create_time, each.code, each.revision))
        self._revisions: dict[str, list[Supplier]] = {}
        for revision in ordered:
            self._revisions.setdefault(revision.supplier_id, []).append(revision)
        self._by_trunk: dict[str, list[str]] = {}
        for revision in ordered:
            for trunk in revision.trunks:
                self._by_trunk.setdefault(trunk, []).append(revision.supplier_id)

    @cached_property
    def plans(self) -> list[Plan]:
        """A plan for each, by which its cost is priced."""
        return [revisions[-1].plan for revisions in self._revisions.values()]

    @cached_property
    def terms(self) -> list[PlanRevision]:
        """The terms of those plans."""
        return [each.terms for revisions in self._revisions.values() for each in revisions]

    def at(self, instant_micros: int) -> list[Supplier]:
        """Every supplier as it is at an instant, the first created first."""
        found = (_in_force(revisions, instant_micros) for revisions in self._revisions.values())
        return [supplier for supplier in found if supplier is not None]

    def of_trunk(self, trunk: str, instant_micros: int) -> str | None:
        """The id of the supplier that a trunk leads to at an instant, enabled or not."""
        for supplier_id in self._by_trunk.get(trunk, ()):
            supplier = _in_force(self._revisions[supplier_id], instant_micros)
            if supplier is not None and trunk in supplier.trunks:
                return supplier_id
        return None


NO_SUPPLIERS = Suppliers(())


def check_supplier(supplier: Supplier) -> None:
    """Refuse what no supplier can be: INVALID_CODE, INVALID_NAME, INVALID_SUPPLIER."""
    check_code("supplier.code", supplier.code)
    check_display_name("supplier.display_name", supplier.display_name)
    decks, trunks = supplier.rate_deck_ids, supplier.trunks
    if not 1 <= len(decks) <= RATE_DECKS_MAX or len(set(decks)) < len(decks):
        raise _invalid("rate_deck_ids", f"name 1 to {RATE_DECKS_MAX} decks, each once")
    if not 0 <= supplier.quality <= QUALITY_MAX:
        raise _invalid("quality", f"{supplier.quality} must be 0 to {QUALITY_MAX}")
    if not 0 <= supplier.weight <= WEIGHT_MAX:
        raise _invalid("weight", f"{supplier.weight} must be 0 to {WEIGHT_MAX}")
    if len(trunks) > TRUNKS_MAX or len(set(trunks)) < len(trunks):
        raise _invalid("trunks", f"name at most {TRUNKS_MAX} trunks, each once")
    for place, trunk in enumerate(trunks):
        check_code(f"supplier.trunks[{place}]", trunk)


def _in_force(revisions: list[Supplier], instant_micros: int) -> Supplier | None:
    place = bisect_right(revisions, instant_micros, key=lambda each: to_micros(each.effective_time))
    return revisions[place - 1] if place else None


def _invalid(field: str, problem: str) -> Exception:
    return invalid_field("INVALID_SUPPLIER", f"supplier.{field}", problem)

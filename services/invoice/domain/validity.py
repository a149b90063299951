"""Spans of time in which a line or a subscription is in force; the end may be open."""

from dataclasses import dataclass
from datetime import datetime

from kernel.period import Period
from services.invoice.domain.fields import FieldRules


@dataclass(frozen=True, slots=True)
class Validity:
    """`start` belongs to it, `end` does not; no end means until further notice. INVALID_FIELDS.

    A span that ends where it starts is never in force.
    """

    start: datetime
    end: datetime | None

    def __post_init__(self) -> None:
        rules = FieldRules()
        in_order = self.end is None or self.end >= self.start
        rules.require(in_order, "end_time", f"must not be before {self.start.isoformat()}")
        rules.check()

    def overlaps(self, other: "Validity") -> bool:
        """Whether both are in force at some instant."""
        return not (self.is_over_by(other.start) or other.is_over_by(self.start))

    def is_over_by(self, instant: datetime) -> bool:
        """Whether nothing of it lies at or after the instant; an empty span is always over."""
        return self.end is not None and (self.end <= instant or self.end <= self.start)

    def part_of(self, period: Period) -> Period | None:
        """The part of a period in which it is in force, or None."""
        start = max(self.start, period.start)
        end = period.end if self.end is None else min(self.end, period.end)
        return Period(start, end) if start < end else None

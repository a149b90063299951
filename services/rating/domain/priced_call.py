"""What pricing is asked and what it answers: a usage, and how its pricing ended."""

from __future__ import annotations

from typing import NamedTuple

from kernel.e164 import NumberKind
from services.rating.domain.charges.settlement import Outcome
from services.rating.domain.counters import CounterUse
from services.rating.domain.plans.conditions import CallFacts
from services.rating.domain.usage import Service


class Usage(NamedTuple):
    """What was used, and all that decides its price."""

    service: Service
    start_micros: int
    """When the call was set up: decides plan, governing revision and period."""
    begin_micros: int
    """When conversation began: its first second is priced as of then."""
    duration_ms: int
    """Of voice; 0 for others."""
    quantity: int
    """Messages or bytes; 0 for voice."""
    answered: bool
    callee_kind: NumberKind
    facts: CallFacts
    counting_micros: int | None = None
    """In whose periods counters count it, where that is not the start."""

    @property
    def counted_micros(self) -> int:
        """The instant whose periods' counters count it."""
        return self.start_micros if self.counting_micros is None else self.counting_micros


class PricedCall(NamedTuple):
    """How the pricing of one usage ended."""

    outcome: Outcome
    unrated_reason: str
    currency: str
    amount_micros: int
    charged_quantity: int
    """Base units: seconds, messages, bytes."""
    usage_line: str
    prefix: str
    receipt: bytes
    counter_uses: tuple[CounterUse, ...] = ()


class NoPriceError(Exception):
    """There is no price, for the reason that is its text."""


def unrated(reason: str) -> PricedCall:
    """A usage without a price."""
    return PricedCall(Outcome.UNRATED, reason, "", 0, 0, "", "", b"")

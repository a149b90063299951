"""When a term of a plan applies: the facts of a call that decide it, and the condition on them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from services.rating.domain.usage import Service


class Relation(IntEnum):
    """How caller and callee belong together; the values are those of tollbook.rating.v1."""

    OFF_NET = 1
    """The callee is no number of this tenant."""
    ON_NET = 2
    """The callee is a number of another payer of this tenant."""
    SAME_ACCOUNT = 3
    """Both numbers are paid for by the same account."""


class Jurisdiction(IntEnum):
    """Where a call of the North American plan begins and ends (47 CFR 36, NECA tariff FCC 5)."""

    INTERSTATE = 1
    INTRASTATE = 2
    INDETERMINATE = 3
    """The state of one side is not known, or the call is not within the United States."""


class CallFacts(NamedTuple):
    """What conditions look at; all but the time band hold for the whole call."""

    service: Service
    caller: str
    """Digits of the A-number, empty when unknown."""
    number: str
    """Digits that decks are asked for: the routing number of a ported callee, else the callee."""
    relation: Relation
    jurisdiction: Jurisdiction


@dataclass(frozen=True, slots=True)
class Condition:
    """Every part that is set must hold; an empty one holds for every call."""

    service: Service | None = None
    time_bands: tuple[str, ...] = ()
    """Codes of bands of the plan."""
    destination_prefixes: tuple[str, ...] = ()
    """Of the number that decks are asked for."""
    origin_prefixes: tuple[str, ...] = ()
    """Of the caller."""
    relations: tuple[Relation, ...] = ()
    jurisdictions: tuple[Jurisdiction, ...] = ()

    def holds_at(self, facts: CallFacts, time_band: str) -> bool:
        """Whether all holds, in a time band; '' is the only band of a plan without bands."""
        return self.holds(facts) and (not self.time_bands or time_band in self.time_bands)

    def holds(self, facts: CallFacts) -> bool:
        """Whether all but the time band holds."""
        return (
            (self.service is None or self.service == facts.service)
            and _begins(facts.number, self.destination_prefixes)
            and _begins(facts.caller, self.origin_prefixes)
            and (not self.relations or facts.relation in self.relations)
            and (not self.jurisdictions or facts.jurisdiction in self.jurisdictions)
        )


def _begins(digits: str, prefixes: tuple[str, ...]) -> bool:
    return not prefixes or digits.startswith(prefixes)

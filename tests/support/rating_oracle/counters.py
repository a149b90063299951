"""Counters as a plain dictionary: what bundles and volume tiers have counted so far."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """Which counter: whose, of which plan or grant, and of which period."""

    owner_account_id: str
    source_id: str
    code: str
    period_start_micros: int
    period_end_micros: int


class Count(NamedTuple):
    """What a counter holds, or by how much it changes."""

    granted: int = 0
    used: int = 0
    spent_micros: int = 0


Counters = dict[Key, Count]
Changes = Mapping[Key, Count]


def apply(counters: Counters, changes: Changes) -> None:
    """Count what a call took."""
    for key, change in changes.items():
        count = counters.get(key, Count())
        used, spent = count.used + change.used, count.spent_micros + change.spent_micros
        counters[key] = Count(change.granted, used, spent)


def give_back(counters: Counters, changes: Changes) -> None:
    """Take back what a call took."""
    taken = {
        key: count._replace(used=-count.used, spent_micros=-count.spent_micros)
        for key, count in changes.items()
    }
    apply(counters, taken)


def merged(parts: Iterable[Changes]) -> Changes:
    """Changes of counters of which no two parts share one."""
    return {key: change for part in parts for key, change in part.items()}

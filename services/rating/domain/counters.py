"""Counters of bundles and volume tiers: where they stand, and what one call does to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class CounterKey(NamedTuple):
    """Whose counter it is, of which plan or grant, and for which period."""

    owner_account_id: str
    source_id: str
    """A plan, or a grant of a bundle."""
    code: str
    period_start_micros: int
    period_end_micros: int


class CounterState(NamedTuple):
    """Where a counter stands."""

    granted: int
    """What a bundle holds; 0 for volume tiers."""
    used: int
    """What was used of a bundle; the position that volume tiers look at."""
    spent_micros: int = 0
    """The sum of the amounts charged, kept for tiers of the whole volume."""

    @property
    def left(self) -> int:
        """What a bundle still has."""
        return max(0, self.granted - self.used)


class CounterUse(NamedTuple):
    """What one call did to a counter."""

    key: CounterKey
    before: CounterState
    after: CounterState


class CounterBook:
    """The counters that are at hand. One that is missing has not been used yet."""

    def __init__(self, states: Mapping[CounterKey, CounterState] | None = None) -> None:
        self._states = dict(states or {})
        self._moved: set[CounterKey] = set()

    def add(self, states: Mapping[CounterKey, CounterState]) -> None:
        """Have more counters at hand."""
        self._states.update(states)

    def changed(self) -> dict[CounterKey, CounterState]:
        """The counters that were moved, as they stand now."""
        return {key: self._states[key] for key in self._moved}

    def state(self, key: CounterKey, granted: int = 0) -> CounterState:
        """Where a counter stands; a fresh one holds what is granted."""
        return self._states.get(key) or CounterState(granted, 0)

    def states(self) -> Mapping[CounterKey, CounterState]:
        """All counters that are known."""
        return self._states

    def apply(self, uses: Iterable[CounterUse]) -> None:
        """Note what a call took."""
        for use in uses:
            if self._states.get(use.key) is use.before:
                self._moved.add(use.key)
                self._states[use.key] = use.after
            else:
                self._move(use, 1)

    def give_back(self, uses: Iterable[CounterUse]) -> None:
        """Undo what an earlier revision of a call took, from the counters it took it from."""
        for use in uses:
            self._move(use, -1)

    def _move(self, use: CounterUse, sign: int) -> None:
        key, before, after = use
        granted, used, spent = self.state(key, before.granted)
        self._moved.add(key)
        self._states[key] = CounterState(
            granted,
            used + sign * (after.used - before.used),
            spent + sign * (after.spent_micros - before.spent_micros),
        )

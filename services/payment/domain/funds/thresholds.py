"""Thresholds of a balance: each is reported once when it is reached, and once when it is left."""

from collections.abc import Iterable
from typing import NamedTuple


class Crossings(NamedTuple):
    """The thresholds that a change of balance has crossed, in micros."""

    reached: list[int]
    left: list[int]


def crossings(
    low: Iterable[int], thresholds: Iterable[int], left_to_spend: int | None
) -> Crossings:
    """What has changed since the thresholds `low` were reported as reached.

    One is reached when no more than it is left to spend, and left when more is, or all one likes.
    """
    known = set(low)
    reached = {each for each in thresholds if left_to_spend is not None and left_to_spend <= each}
    return Crossings(sorted(reached - known, reverse=True), sorted(known - reached))

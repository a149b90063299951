"""Many numbers are found among ascending ones where a search of its own finds each."""

from random import Random

import numpy as np
import pytest

from services.rating.domain.decks.number_index import TOGETHER_MIN, NumberIndex
from services.rating.domain.decks.rate_deck import NUMBER_DIGITS_MAX

HIGHEST = 10**NUMBER_DIGITS_MAX - 1
STARTS = {
    "one": [0],
    "few": [0, 5, 10**14],
    "spread": [number * 10**11 for number in range(10_000)],
    "close together": [0, *range(44 * 10**13, 44 * 10**13 + 3_000)],
    "close together at the end": [0, 7, *range(HIGHEST - 3_000, HIGHEST + 1)],
    "of all densities": sorted({int(1.01**step) for step in range(3_400)} | {0}),
}


@pytest.mark.parametrize("kind", STARTS)
def test_numbers_together_are_found_where_each_is_by_itself(kind: str) -> None:
    """Between starts, on them, and beyond the last; however starts are spread."""
    rng, starts = Random(3), np.array(STARTS[kind], np.int64)
    near = [int(rng.choice(starts)) + rng.randrange(-2, 3) for _ in range(4 * TOGETHER_MIN)]
    anywhere = [rng.randrange(HIGHEST + 1) for _ in range(TOGETHER_MIN)]
    asked = np.clip(np.array([0, HIGHEST, *near, *anywhere], np.int64), 0, HIGHEST)
    expected = [int((starts <= number).sum()) - 1 for number in asked.tolist()]
    index = NumberIndex(starts)
    assert index.find(asked).tolist() == expected
    assert index.find(asked[: TOGETHER_MIN - 1]).tolist() == expected[: TOGETHER_MIN - 1]

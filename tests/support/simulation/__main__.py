"""Runs schedules on all cores, or the one of SEED, told as a story."""

import os
import sys
from time import monotonic

from tests.support.simulation.runner import Failure, search, story

SCHEDULES = 100_000
SCHEDULES_SHORT = 4_000
REPORT_SCHEDULES = 10_000


def main() -> int:
    """Run them all, or one; tell a failure as a story."""
    if seed := os.environ.get("SEED"):
        print(story(int(seed)))
        return 0
    short = os.environ.get("CHAOS") == "short"
    count = int(os.environ.get("SCHEDULES") or (SCHEDULES_SHORT if short else SCHEDULES))
    started = monotonic()
    for done in search(0, count):
        if isinstance(done, Failure):
            print(f"{story(done.seed)}\nTo see it again: make chaos SEED={done.seed}")
            return 1
        if done % REPORT_SCHEDULES == 0 or done == count:
            print(f"{done:,} schedules are sound ({monotonic() - started:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

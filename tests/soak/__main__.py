"""Prices a million random calls by the engine and by the oracle, and stops where they differ.

Tenants follow each other by seed, and each prices the same calls whenever it is run again:
`make soak SEED=… CALLS=…` goes on where an earlier run was stopped, or repeats one tenant.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from secrets import randbelow
from time import monotonic
from typing import NamedTuple

from tests.support.rating_oracle.agreement import CALLS_PER_TENANT, settle_random_calls
from tests.support.rating_oracle.columns import check_random_batches
from tools.check_receipt import check

CALLS = 1_000_000
CALLS_SHORT = 20_000
SEEDS = 10**9
WORKERS = 2
TENANTS_PER_REPORT = 100
# Of so many tenants one also prices batches, by columns and one by one.
TENANTS_PER_BATCH = 4


class Counts(NamedTuple):
    """What was compared."""

    calls: int = 0
    receipts: int = 0
    batched: int = 0

    def plus(self, other: "Counts") -> "Counts":
        """Both together."""
        return Counts(*map(sum, zip(self, other, strict=True)))

    def __str__(self) -> str:
        return (
            f"{self.calls:,} calls agree with the oracle, {self.receipts:,} receipts hold, "
            f"{self.batched:,} calls cost the same by columns"
        )


def price_tenant(seed: int) -> Counts:
    """Compare all calls of one tenant; AssertionError at the first difference."""
    receipts = 0
    for priced in settle_random_calls(seed):
        if priced.by_engine.receipt:
            receipts += 1
            problems = check(priced.by_engine.receipt)
            assert problems == [], f"{problems}: {priced.by_engine.receipt.decode()}"
    batched = 0 if seed % TENANTS_PER_BATCH else check_random_batches(seed)
    return Counts(CALLS_PER_TENANT, receipts, batched)


def price_tenants(first: int, tenants: int) -> Iterator[Counts]:
    """What was compared in each, in the order of their seeds."""
    with ProcessPoolExecutor(WORKERS) as workers:
        try:
            yield from workers.map(price_tenant, range(first, first + tenants))
        except BaseException:
            workers.shutdown(cancel_futures=True)
            raise


def main() -> int:
    """Run it, say how far it came, and how to go on from there."""
    is_short = os.environ.get("SOAK") == "short"
    calls = int(os.environ.get("CALLS") or (CALLS_SHORT if is_short else CALLS))
    seed = first = int(os.environ.get("SEED") or randbelow(SEEDS))
    end = first + -(-calls // CALLS_PER_TENANT)
    print(f"make soak SEED={first} CALLS={calls}", flush=True)
    started, total = monotonic(), Counts()
    try:
        for counts in price_tenants(first, end - first):
            seed, total = seed + 1, total.plus(counts)
            if seed == end or not (seed - first) % TENANTS_PER_REPORT:
                print(f"{total} ({monotonic() - started:.0f} s)", flush=True)
    except AssertionError as difference:
        print(f"{difference}\nTo see it again: make soak SEED={seed} CALLS={CALLS_PER_TENANT}")
        return 1
    except KeyboardInterrupt:
        print(f"{total}\nTo go on: make soak SEED={seed} CALLS={(end - seed) * CALLS_PER_TENANT}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

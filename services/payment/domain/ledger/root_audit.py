"""The audit of roots: each drawn again from the entries that were walked."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from services.payment.domain.ledger.hash_chain import Chain, ChainedEntry
from services.payment.domain.ledger.ledger_root import FIRST_START, NO_ROOT, ChainRoot, LedgerRoot

# A root as its chains make it, and as it was stored: they differ when somebody changed one.
StoredRoot = tuple[LedgerRoot, bytes]


class RootAudit:
    """Draws the roots again while chains are walked, and compares them with those stored."""

    def __init__(self, stored: Sequence[StoredRoot]) -> None:
        """`stored` are all of them, the oldest first."""
        self._stored = stored
        self._ends = [root.end_time for root, _ in stored]
        self._drawn: dict[datetime, list[ChainRoot]] = defaultdict(list)

    def walk(self, chain: Chain) -> "ChainWalk":
        """Begin to walk a chain; the next chain in order follows when this one is finished."""
        return ChainWalk(chain, self._ends, self._drawn)

    def findings(self) -> Iterator[str]:
        """What is wrong with the stored roots, when all chains have been walked."""
        start, previous = FIRST_START, NO_ROOT
        for root, stored in self._stored:
            drawn = replace(root, chains=tuple(self._drawn[root.end_time]))
            name = f"the root up to {root.end_time.isoformat()}"
            if (root.start_time, root.previous_root) != (start, previous):
                yield f"{name} does not follow the one before it"
            if drawn.root != stored:
                yield f"{name} is not what the journal makes it"
            if drawn.chains != root.chains:
                yield f"{name} names other heads of chains than the journal has"
            start, previous = root.end_time, stored


class ChainWalk:
    """Gathers what each root has of one chain."""

    def __init__(
        self, chain: Chain, ends: Sequence[datetime], drawn: dict[datetime, list[ChainRoot]]
    ) -> None:
        self._ends = iter(ends)
        self._end = next(self._ends, None)
        self._drawn = drawn
        self._newest = ChainRoot.before_first(chain)
        self._hashes: list[bytes] = []

    def add(self, entry: ChainedEntry) -> None:
        """Take the next entry of the chain."""
        while self._end is not None and entry.create_time >= self._end:
            self._draw(self._end)
        self._hashes.append(entry.hash)

    def finish(self) -> None:
        """Draw the roots behind the last entry."""
        while self._end is not None:
            self._draw(self._end)

    def _draw(self, end: datetime) -> None:
        self._newest = self._newest.after(self._hashes)
        self._hashes = []
        if self._newest.sequence:
            self._drawn[end].append(self._newest)
        self._end = next(self._ends, None)

"""What goes wrong on the way: how long steps take, and which messages are lost or come twice."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True)
class FaultRates:
    """How often things go wrong, of 1,000 each."""

    lost: int = 0
    repeated: int = 0
    late: int = 0
    """So much later than others that it overtakes nothing and is overtaken."""
    unknown_commits: int = 0
    """A commit whose answer was lost: the database's driver repeats the transaction."""
    failed_transactions: int = 0
    """The database cannot be reached; nothing was done."""


MESSAGE_SECONDS = 0.002
LATE_SECONDS = 6.0
TRANSACTION_SECONDS = 0.003


class Faults:
    """The luck of one actor, from the seed and its name: what others do does not change it."""

    def __init__(self, seed: int, name: str, rates: FaultRates) -> None:
        self._random = Random(f"{seed}/{name}")
        self._rates = rates

    def is_lost(self) -> bool:
        return self._happens(self._rates.lost)

    def is_repeated(self) -> bool:
        return self._happens(self._rates.repeated)

    def is_unknown_commit(self) -> bool:
        return self._happens(self._rates.unknown_commits)

    def is_failed_transaction(self) -> bool:
        return self._happens(self._rates.failed_transactions)

    def message_seconds(self) -> float:
        """How long a message is on its way."""
        if self._happens(self._rates.late):
            return LATE_SECONDS * self._random.random()
        return MESSAGE_SECONDS * self._random.random()

    def transaction_seconds(self) -> float:
        """How long a transaction waits for its turn, or its caller for the news of its commit."""
        return TRANSACTION_SECONDS * self._random.random()

    def choice(self, count: int) -> int:
        """One of so many."""
        return int(self._random.random() * count)

    def _happens(self, rate: int) -> bool:
        return rate > 0 and self._random.random() * 1_000 < rate

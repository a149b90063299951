"""What goes wrong between a gateway and who asks it, on demand or at random."""

import random
from collections import deque
from enum import StrEnum


class Fault(StrEnum):
    """One way of getting no answer, or none that says what has happened."""

    # The connection ends before anything is done.
    REQUEST_LOST = "requestLost"
    # It is done, and the connection ends.
    ANSWER_LOST = "answerLost"
    # It is done, and the answer ends in the middle.
    ANSWER_CUT = "answerCut"
    # It is done, and the answer takes its time.
    SLOW = "slow"
    # Nothing is done, and asking again may help.
    ERROR = "error"
    # Nothing is done, and who repeats the idempotency key gets this failure again.
    SAVED_ERROR = "savedError"
    RATE_LIMIT = "rateLimit"
    LOCKED = "locked"
    KEY_IN_USE = "keyInUse"
    # The key opens nothing any more.
    KEY_REFUSED = "keyRefused"


# A random fault is one that the next request may not meet.
PASSING = tuple(fault for fault in Fault if fault is not Fault.KEY_REFUSED)


class Faults:
    """Which requests go wrong: those that somebody asked for, then some at random."""

    def __init__(self, percent: int = 0, seed: int = 0) -> None:
        self._percent = percent
        self._random = random.Random(seed)  # noqa: S311 - chance, not secrecy
        self._planned: dict[str, deque[Fault]] = {}

    def plan(self, operation: str, fault: Fault, times: int = 1) -> None:
        """Let the next requests of an operation (create, retrieve ...) go wrong."""
        self._planned.setdefault(operation, deque()).extend([fault] * times)

    def next_of(self, operation: str) -> Fault | None:
        """What happens to this request."""
        planned = self._planned.get(operation)
        if planned:
            return planned.popleft()
        if self._random.randrange(100) < self._percent:
            return self._random.choice(PASSING)
        return None

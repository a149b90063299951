"""Retransmissions: a packet that comes again gets the bytes that answered it (RFC 5080, 2.2.2)."""

import time
from collections.abc import Callable
from dataclasses import dataclass

# A client that has not been answered for so long sends a new packet (RFC 5080: 5 to 30 seconds).
RESPONSES_KEPT_SECONDS = 30.0
RESPONSES_KEPT_MAX = 50_000

Key = tuple[str, int, bytes]
"""Address and port of the client, and the packet's fingerprint."""


@dataclass(slots=True)
class _Entry:
    expiry: float
    response: bytes | None = None


class Duplicates:
    """The requests of the last seconds, with their responses."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        # In the order of their expiry, because all are kept equally long.
        self._entries: dict[Key, _Entry] = {}

    def is_new(self, key: Key) -> bool:
        """Whether this request has not come before; from now on it has."""
        self._expire()
        if key in self._entries:
            return False
        self._entries[key] = _Entry(self._now() + RESPONSES_KEPT_SECONDS)
        return True

    def response(self, key: Key) -> bytes | None:
        """What answered it; None while it is in work."""
        entry = self._entries.get(key)
        return None if entry is None else entry.response

    def keep(self, key: Key, response: bytes) -> None:
        """Note what answered it."""
        if key in self._entries:
            self._entries[key].response = response

    def forget(self, key: Key) -> None:
        """Let it be tried again: it could not be answered."""
        self._entries.pop(key, None)

    def _expire(self) -> None:
        now = self._now()
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            if oldest.expiry > now and len(self._entries) < RESPONSES_KEPT_MAX:
                return
            del self._entries[key]

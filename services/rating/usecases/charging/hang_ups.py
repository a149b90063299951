"""Tells the streams of switches which of their calls are to be ended, as soon as that is known."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from services.rating.store.hang_ups import HangUp, hang_ups
from services.rating.usecases.change_watch import ChangeWatch, Read

Push = Callable[[HangUp], None]


class HangUps:
    """Asks the database for calls that are to be ended while there is anybody to tell."""

    def __init__(self, watch: ChangeWatch) -> None:
        self._watch = watch
        self._listeners: set[Push] = set()
        watch.tell(self._news, self._heed)

    def wake(self) -> None:
        """Ask at once: something was stored here. From any thread."""
        if self._listeners:
            self._watch.wake()

    @contextmanager
    def told_to(self, push: Push) -> Iterator[None]:
        """Tell somebody of every call that is to be ended, more than once and of any tenant."""
        self._listeners.add(push)
        try:
            yield
        finally:
            self._listeners.discard(push)

    def _news(self) -> Read[Sequence[HangUp]]:
        return hang_ups if self._listeners else _none

    async def _heed(self, found: Sequence[HangUp]) -> None:
        for each in found:
            for push in list(self._listeners):
                push(each)


def _none(_connection: Connection, _since: datetime) -> Sequence[HangUp]:
    return ()

"""Holds: money set aside for something that is still going on."""

from datetime import datetime
from enum import IntEnum
from typing import NamedTuple


class HoldState(IntEnum):
    """How a hold stands; the values are those of tollbook.payment.v1.HoldState."""

    OPEN = 1
    CAPTURED = 2
    RELEASED = 3
    EXPIRED = 4


class Hold(NamedTuple):
    """Money of an account that nobody else can spend; amounts in micros of its currency."""

    hold_id: str
    account_id: str
    reference: str
    currency: str
    held_micros: int  # zero once it has ended
    captured_micros: int
    state: HoldState
    create_time: datetime
    expire_time: datetime

    @property
    def is_open(self) -> bool:
        """Whether it still has its money."""
        return self.state == HoldState.OPEN

    def ended(self, state: HoldState) -> "Hold":
        """The hold without its money; one that has ended before stays as it ended."""
        return self._replace(held_micros=0, state=state) if self.is_open else self

    def captured(self, micros: int) -> "Hold":
        """The hold when a charge was taken from it, also when it had ended before."""
        return self._replace(
            held_micros=0,
            captured_micros=self.captured_micros + micros,
            state=HoldState.CAPTURED,
        )

"""What can be used and charged for, and the unit that its price is for."""

from enum import IntEnum


class Service(IntEnum):
    """A kind of usage; the values are those of tollbook.rating.v1."""

    VOICE = 1
    SMS = 2
    DATA = 3
    DID_RENTAL = 4

    @property
    def unit_size(self) -> int:
        """Base units that a price is for: seconds, messages, bytes, numbers and months."""
        return _UNIT_SIZES[self]


_UNIT_SIZES = {
    Service.VOICE: 60,
    Service.SMS: 1,
    Service.DATA: 1_000_000,
    Service.DID_RENTAL: 1,
}

"""The charging policy of an account: how much is granted at once, and what holds in an outage."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

from services.rating.domain.charging.answer import WhenExhausted
from services.rating.domain.charging.requests import REQUESTED_SECONDS_MAX
from services.rating.domain.errors import invalid_field

VALIDITY_SECONDS_MAX = 86_400


class OutageRule(IntEnum):
    """What answers when payment or the database does not; the values are those of the contract."""

    DENY = 1
    ALLOW = 2


@dataclass(frozen=True, slots=True)
class ChargingPolicy:
    """How the calls of an account are charged while they run."""

    open_seconds: int = 60
    """What an open is granted that asks for nothing in particular."""
    extend_seconds: int = 60
    """What an extend is granted that asks for nothing in particular."""
    ask_again_lead_seconds: int = 10
    """How long before its end the switch is to ask for more."""
    validity_seconds: int = 180
    """How long a grant counts beyond its seconds: for setup, ringing and messages on their way."""
    grace_seconds: int = 60
    """How long after its validity the money of a grant is still held."""
    when_exhausted: WhenExhausted = WhenExhausted.HANG_UP
    outage_rule: OutageRule = OutageRule.DENY
    outage_seconds: int = 0
    """How many seconds a call may go on while payment or the database does not answer."""

    def open_slice(self, requested_seconds: int) -> int:
        """How many seconds an open is to be granted."""
        return requested_seconds or self.open_seconds

    def extend_slice(self, requested_seconds: int) -> int:
        """How many seconds more an extend is to be granted."""
        return requested_seconds or self.extend_seconds

    def valid_seconds(self, unused_seconds: int) -> int:
        """How long a grant counts of which so much is not used yet."""
        return unused_seconds + self.validity_seconds

    def hold_seconds(self, unused_seconds: int) -> int:
        """How long the money of such a grant is held if nobody is heard of any more."""
        return self.valid_seconds(unused_seconds) + self.grace_seconds

    def ask_again_at(self, used_seconds: int, granted_seconds: int) -> int:
        """When to ask for more: the lead before the end, and after half of what is left."""
        middle = used_seconds + (granted_seconds - used_seconds) // 2
        return max(granted_seconds - self.ask_again_lead_seconds, middle)


DEFAULT_POLICY = ChargingPolicy()

# The least and the most of each number.
_RANGES = {
    "open_seconds": (1, REQUESTED_SECONDS_MAX),
    "extend_seconds": (1, REQUESTED_SECONDS_MAX),
    "ask_again_lead_seconds": (0, REQUESTED_SECONDS_MAX),
    "validity_seconds": (1, VALIDITY_SECONDS_MAX),
    "grace_seconds": (0, VALIDITY_SECONDS_MAX),
    "outage_seconds": (0, REQUESTED_SECONDS_MAX),
}


def check_policy(policy: ChargingPolicy) -> None:
    """Refuse what cannot be kept. Raises INVALID_CHARGING_POLICY."""
    for each in fields(policy):
        value = getattr(policy, each.name)
        least, most = _RANGES.get(each.name, (1, 2))
        if not least <= value <= most:
            _refuse(each.name, f"{int(value)} is not between {least} and {most}")
    if (policy.outage_rule is OutageRule.ALLOW) != (policy.outage_seconds > 0):
        _refuse("outage_seconds", "give seconds with OUTAGE_RULE_ALLOW, and only with it")


def _refuse(field: str, problem: str) -> None:
    raise invalid_field("INVALID_CHARGING_POLICY", f"policy.{field}", problem)

"""The life of a billing period, and when its usage is complete."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from uuid import UUID, uuid5

from kernel.ids import time_key
from kernel.period import Period

# Part of the identity of requests that may already be stored at rating: never changes.
_REQUEST_NAMESPACE = UUID("6f1d8f0a-6c5e-5b0e-9a8b-1b6f3c2f4d10")


class PeriodState(IntEnum):
    """How far a period has come; the numbers are those of the contract."""

    OPEN = 1
    SEALED = 2
    INVOICED = 3
    CLOSED_EMPTY = 4

    @property
    def is_closed(self) -> bool:
        """Whether nothing changes any more."""
        return self in {PeriodState.INVOICED, PeriodState.CLOSED_EMPTY}


@dataclass(frozen=True, slots=True)
class UsageSum:
    """The usage of a period: how many charge revisions, and their exact sum."""

    charge_count: int = 0
    micros: int = 0


@dataclass(frozen=True, slots=True)
class Seal:
    """Rating's word on what a period holds, for ever."""

    seal_id: str
    usage: UsageSum
    digest: str


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """One period of one paying account."""

    account_id: str
    span: Period
    state: PeriodState
    seal: Seal | None = None
    invoice_id: str = ""
    # The request that sealed it: repeated after a crash, it means this period and not the next.
    close_request_id: str = ""


def period_key(tenant_id: str, account_id: str, start: datetime) -> bytes:
    """The key under which a period's usage is stored: in the order of time, the same for ever."""
    return time_key(start, tenant_id, account_id)


def derived_request_id(*parts: str) -> str:
    """The request id of a step of closing: the same whenever the step is repeated."""
    return str(uuid5(_REQUEST_NAMESPACE, "/".join(parts)))

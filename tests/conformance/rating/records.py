"""Call records as cdr tells them; numbers, days and prices that tests have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from chassis import columns
from chassis.grpc.convert import time_to_proto
from kernel.clock import to_micros
from kernel.e164 import NumberKind
from kernel.ids import new_uuid, time_key
from kernel.period import Period
from tollbook.cdr.v1.cdr_events_pb2 import CallsCollected
from tollbook.invoice.v1.invoice_events_pb2 import AccountChanged
from tollbook.rating.v1.charge_pb2 import Charge
from tollbook.type.v1.call_pb2 import CallKeyKind

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
MARCH = Period(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))
APRIL = Period(MARCH.end, datetime(2026, 5, 1, tzinfo=UTC))
NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)

# What DECK prices, and what it does not.
NETHERLANDS, MOBILE, USA, UNKNOWN = "31201234567", "31612345678", "12125550123", "4930123456"


@dataclass(frozen=True)
class Call:
    """A call record as cdr tells it."""

    account_id: str
    call_key: str = field(default_factory=new_uuid)
    callee: str = NETHERLANDS
    seconds: int = 60
    start: datetime = NOON
    leg: str = "a"
    payer_id: str = ""
    source: str = "switch"
    revision: int = 1
    answered: bool = True
    kind: NumberKind = NumberKind.E164
    egress_trunk: str = ""
    routing_number: str = ""

    def corrected(self, **changes: Any) -> "Call":
        """The next revision of the record."""
        return replace(self, revision=self.revision + 1, **changes)

    @property
    def call_id(self) -> bytes:
        """The identity that cdr gives the record."""
        return time_key(self.start, self.source, self.call_key, self.leg)


def collected(calls: Sequence[Call]) -> CallsCollected:
    """The event that cdr publishes."""

    def each(name: str) -> list[Any]:
        return [getattr(call, name) for call in calls]

    starts = [to_micros(call.start) for call in calls]
    table = {
        "call_id": columns.key16(each("call_id")),
        "revision": columns.int32(each("revision")),
        "call_key_kind": columns.uint8([CallKeyKind.CALL_KEY_KIND_SIP_CALL_ID] * len(calls)),
        "call_key": columns.text(each("call_key")),
        "leg": columns.dictionary(each("leg")),
        "account_id": columns.dictionary(each("account_id")),
        "payer_account_id": columns.dictionary([c.payer_id or c.account_id for c in calls]),
        "line_id": columns.dictionary([""] * len(calls)),
        "caller": columns.text(["31209876543"] * len(calls)),
        "callee": columns.text(each("callee")),
        "callee_kind": columns.uint8(each("kind")),
        "start_time": columns.int64(starts),
        "answer_time": columns.int64(starts, [not call.answered for call in calls]),
        "duration": columns.int64([call.seconds * 1_000 for call in calls]),
        "answered": columns.uint8(each("answered")),
        "egress_trunk": columns.dictionary(each("egress_trunk")),
        "routing_number": columns.dictionary(each("routing_number")),
    }
    return CallsCollected(source_id="switch", calls=columns.encode(table, len(calls)))


def account_changed(account_id: str, currency: str, **changes: Any) -> AccountChanged:
    """What invoice tells of an account that pays for itself, unless said otherwise."""
    fields = {
        "account_id": account_id,
        "payer_account_id": account_id,
        "currency_code": currency,
        "time_zone": "UTC",
        "billing_day": 1,
        "start_time": time_to_proto(MARCH.start),
    }
    return AccountChanged(**{**fields, **changes})


def seconds_later(start: datetime, seconds: int) -> datetime:
    """A later instant."""
    return start + timedelta(seconds=seconds)


def euros(charges: Iterable[Charge]) -> list[str]:
    """Amounts as people read them."""
    return [f"{charge.amount.units}.{charge.amount.nanos // 100_000:04d}" for charge in charges]

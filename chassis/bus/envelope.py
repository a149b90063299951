"""An event as a message: CloudEvents attributes in headers, the protobuf body untouched.

CloudEvents 1.0, NATS protocol binding, binary mode (a body that is not JSON).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from chassis.bus.subjects import event_subject, producer_of
from kernel.clock import from_micros, to_micros

MESSAGE_ID = "Nats-Msg-Id"
# Set on a replay for one consumer; every other one acknowledges and ignores the message.
ONLY_CONSUMER = "Tollbook-Only-Consumer"
DEAD_REASON = "Tollbook-Dead-Reason"
DEAD_MESSAGE = "Tollbook-Dead-Message"
DEAD_DELIVERIES = "Tollbook-Dead-Deliveries"
DEAD_TIME = "Tollbook-Dead-Time"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event of the outbox, on its way."""

    event_type: str
    partition: int
    sequence: int
    tenant_id: str
    commit_time: datetime
    traceparent: str
    body: bytes

    @property
    def producer(self) -> str:
        """The service that published it."""
        return producer_of(self.event_type)

    @property
    def event_id(self) -> str:
        """The same for ever: producer, partition, sequence."""
        return f"{self.producer}.{self.partition}.{self.sequence}"

    @property
    def subject(self) -> str:
        """Where it is published."""
        return event_subject(self.event_type, self.partition, self.tenant_id)

    def headers(self, message_id: str | None = None) -> dict[str, str]:
        """Return the message's headers."""
        headers = {
            MESSAGE_ID: message_id or self.event_id,
            "ce-specversion": "1.0",
            "ce-id": self.event_id,
            "ce-source": f"/tollbook/{self.producer}",
            "ce-type": self.event_type,
            "ce-time": self.commit_time.isoformat(),
            "ce-partition": str(self.partition),
            "ce-sequence": str(self.sequence),
            "ce-tenantid": self.tenant_id,
            "ce-committime": str(to_micros(self.commit_time)),
            "content-type": "application/protobuf",
        }
        if self.traceparent:
            headers["traceparent"] = self.traceparent
        return headers


def read_envelope(headers: Mapping[str, str] | None, body: bytes) -> Envelope:
    """Read a message.

    Raises:
        ValueError: a header is missing or is not what `Envelope.headers` writes.
    """
    try:
        found = headers or {}
        # Whatever else the type says, it must name a producer.
        producer_of(found["ce-type"])
        return Envelope(
            event_type=found["ce-type"],
            partition=int(found["ce-partition"]),
            sequence=int(found["ce-sequence"]),
            tenant_id=found["ce-tenantid"],
            commit_time=from_micros(int(found["ce-committime"])),
            traceparent=found.get("traceparent", ""),
            body=body,
        )
    except KeyError as error:
        raise ValueError(f"not an event of ours: header {error} is missing") from error
    except OverflowError as error:
        raise ValueError(f"not an event of ours: {error}") from error

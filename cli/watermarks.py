"""Where services may be compared: the places up to which everybody has applied the same events."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from kernel.partition import PARTITION_COUNT


@dataclass(frozen=True, slots=True)
class Flow:
    """Events that carry what is reconciled, and who has to have applied them."""

    producer: str
    event_type: str
    consumers: tuple[str, ...]


FLOWS = (
    Flow("cdr", "tollbook.cdr.v1.CallsCollected", ("rating",)),
    Flow("rating", "tollbook.rating.v1.CallsRated", ("payment", "invoice")),
    Flow("invoice", "tollbook.invoice.v1.InvoiceIssued", ("payment",)),
)


@dataclass(frozen=True, slots=True)
class Positions:
    """How far one service has come, as it told in one answer."""

    # By event type and partition.
    produced: Mapping[tuple[str, int], int] = field(default_factory=dict)
    # By event type and partition; only one service produces a type.
    consumed: Mapping[tuple[str, int], int] = field(default_factory=dict)
    unpublished_count: int = 0


@dataclass(frozen=True, slots=True)
class Lag:
    """What a consumer has not applied yet of one partition."""

    consumer: str
    flow: Flow
    partition: int
    applied: int
    head: int

    def __str__(self) -> str:
        event = self.flow.event_type.rpartition(".")[2]
        return (
            f"{self.consumer} has applied {event} of {self.flow.producer}, partition "
            f"{self.partition}, up to {self.applied}; the newest is {self.head}"
        )


def lags(positions: Mapping[str, Positions], flows: Sequence[Flow] = FLOWS) -> list[Lag]:
    """Everything that is still on its way."""
    return [
        Lag(consumer, flow, partition, applied, head)
        for flow in flows
        for partition in range(PARTITION_COUNT)
        for consumer in flow.consumers
        if (applied := _applied(positions, consumer, flow, partition))
        < (head := positions[flow.producer].produced.get((flow.event_type, partition), 0))
    ]


def common_watermarks(
    positions: Mapping[str, Positions], flows: Sequence[Flow] = FLOWS
) -> dict[str, list[int]]:
    """For each producer the sequence of every partition that all consumers have applied."""
    return {
        flow.producer: [
            min(_applied(positions, consumer, flow, partition) for consumer in flow.consumers)
            for partition in range(PARTITION_COUNT)
        ]
        for flow in flows
    }


def _applied(positions: Mapping[str, Positions], consumer: str, flow: Flow, partition: int) -> int:
    return positions[consumer].consumed.get((flow.event_type, partition), 0)

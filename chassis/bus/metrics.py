"""What operators watch of the bus: backlogs, delay, size of batches and dead letters."""

from collections.abc import Sequence
from datetime import datetime

from opentelemetry import metrics

from chassis.bus.envelope import Envelope
from chassis.telemetry import names

_meter = metrics.get_meter("tollbook")
_outbox_backlog = _meter.create_gauge(
    names.OUTBOX_BACKLOG, description="Events that the broker has not stored yet."
)
_consumer_backlog = _meter.create_gauge(
    names.CONSUMER_BACKLOG, description="Messages in the stream that were not delivered yet."
)
_delay = _meter.create_histogram(
    names.CONSUMER_DELAY, unit="s", description="From an event's commit to that of its effect."
)
_batch_size = _meter.create_histogram(
    names.CONSUMER_BATCH_SIZE, description="Events applied in one transaction."
)
_dead_letters = _meter.create_counter(
    names.DEAD_LETTERS, description="Events given up, by their type."
)


def outbox_backlog(count: int) -> None:
    """Measure what is still to be published."""
    _outbox_backlog.set(count)


def consumer_backlog(partition: int, count: int) -> None:
    """Measure what is still to be read of a partition."""
    _consumer_backlog.set(count, {names.PARTITION: partition})


def applied(envelopes: Sequence[Envelope], now: datetime) -> None:
    """Measure a transaction that has applied events."""
    _batch_size.record(len(envelopes))
    for envelope in envelopes:
        delay_seconds = (now - envelope.commit_time).total_seconds()
        _delay.record(max(0.0, delay_seconds), {names.EVENT_TYPE: envelope.event_type})


def dead_letter(envelope: Envelope) -> None:
    """Count an event that was given up."""
    _dead_letters.add(1, {names.EVENT_TYPE: envelope.event_type})

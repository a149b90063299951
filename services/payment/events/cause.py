"""What an event is to the journal: the cause of its entries."""

from typing import Any

from chassis.bus.handler import ReceivedEvent
from services.payment.domain.ledger.entries import EventSource
from services.payment.domain.ledger.posting_rules import Cause


def cause_of(event: ReceivedEvent[Any], reference: str = "") -> Cause:
    """The cause: the thing that the event is about, or else the event itself."""
    source = EventSource(event.producer, event.partition, event.sequence)
    return Cause(reference or event.event_id, event.producer, source)

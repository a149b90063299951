"""The names of streams and subjects.

    tollbook.<producer>.v1.<event name>.<partition>.<tenant>

There is one stream for each partition, so that one consumer sees the events of an account in the
order of their commits, whichever service they come from.
"""

import re
from functools import lru_cache

from kernel.partition import PARTITION_COUNT

DEAD_LETTER_STREAM = "DEAD_LETTERS"
DEAD_LETTER_SUBJECTS = "dead.>"

# Known at a time; there are fewer.
EVENT_TYPES_MAX = 256

_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")


def event_stream(partition: int) -> str:
    """Return the name of a partition's stream."""
    return f"EVENTS_{partition}"


def event_streams() -> dict[str, str]:
    """Return the subjects of every event stream by its name."""
    return {event_stream(p): f"tollbook.*.*.*.{p}.*" for p in range(PARTITION_COUNT)}


def event_subject(event_type: str, partition: int, tenant_id: str) -> str:
    """Return where an event is published, from the full name of its message."""
    producer, version, name = _parts(event_type)
    return f"tollbook.{producer}.{version}.{name}.{partition}.{tenant_id}"


def subscription_subject(event_type: str, partition: int) -> str:
    """Return the filter for every tenant's events of a type and partition."""
    return event_subject(event_type, partition, "*")


def produced_subjects(producer: str, partition: int) -> str:
    """Return the filter for everything that a producer has published in a partition."""
    return f"tollbook.{producer}.*.*.{partition}.*"


def dead_letter_subject(consumer: str, partition: int) -> str:
    """Return where a consumer leaves what it could not process."""
    return f"dead.{consumer}.{partition}"


def producer_of(event_type: str) -> str:
    """Return the service that publishes a type: `rating` for tollbook.rating.v1.CallsRated."""
    return _parts(event_type)[0]


@lru_cache(EVENT_TYPES_MAX)
def _parts(event_type: str) -> tuple[str, str, str]:
    _, producer, version, name = event_type.split(".")
    return producer, version, _WORD_START.sub("_", name).lower()

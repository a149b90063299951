"""CallsRated: priced calls and fees become usage."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

from chassis.bus.handler import ReceivedEvent
from chassis.columns import Columns, decode
from chassis.database.unit_of_work import UnitOfWork
from kernel.clock import from_micros
from kernel.period import Period
from services.invoice.domain.billing_period import period_key
from services.invoice.domain.usage import UsageBatch, joined
from services.invoice.store.vault import Vault
from services.invoice.usecases.fold_usage import fold_usage
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import RatingOutcome

SCHEMA_VERSION = 1


def calls_rated(vault: Vault, uow: UnitOfWork, events: Sequence[ReceivedEvent[CallsRated]]) -> None:
    """Fold charge revisions into their periods, all those of a tenant at once."""
    batches: defaultdict[str, list[UsageBatch]] = defaultdict(list)
    for event in events:
        batches[event.tenant_id].append(to_usage_batch(event))
    for tenant_id, batches_of_tenant in sorted(batches.items()):
        fold_usage(uow, vault, tenant_id, joined(batches_of_tenant))


def to_usage_batch(event: ReceivedEvent[CallsRated]) -> UsageBatch:
    """The priced revisions of an event; what has no price yet has no amount either."""
    columns = decode(event.body.charges, SCHEMA_VERSION)
    payers = columns.dictionary("payer_account_id")
    starts = columns.int64("period_start").tolist()
    ends = columns.int64("period_end").tolist()
    spans = list(zip(payers, starts, ends, strict=True))
    priced = (columns.uint8("outcome") != RatingOutcome.RATING_OUTCOME_UNRATED).tolist()
    periods = {
        (payer, start): (payer, Period(from_micros(start), from_micros(end)))
        for payer, start, end in dict.fromkeys(compress(spans, priced))
    }
    keys = {
        place: period_key(event.tenant_id, payer, period.start)
        for place, (payer, period) in periods.items()
    }
    row_keys = (keys.get((payer, start)) for payer, start, _ in spans)
    return UsageBatch(
        rows=compress(_rows(columns, event, row_keys), priced),
        spans={keys[place]: span for place, span in periods.items()},
        currencies=set(compress(zip(payers, columns.dictionary("currency"), strict=True), priced)),
    )


def _rows(
    columns: Columns, event: ReceivedEvent[CallsRated], row_keys: Iterator[bytes | None]
) -> Iterator[tuple[Any, ...]]:
    """A stored row for each row of the event, in the order of store.usage.USAGE_COLUMNS.

    They are made when they are asked for, those of one event after the other.
    """
    count = columns.row_count
    yield from zip(
        [event.tenant_id] * count,
        row_keys,
        columns.key16("charge_id"),
        columns.int32("revision").tolist(),
        columns.uint8("kind").tolist(),
        columns.dictionary("account_id"),
        columns.uint8("correction").tolist(),
        columns.int64("start_time").tolist(),
        columns.int64("duration").tolist(),
        columns.int64("charged_duration").tolist(),
        columns.text("caller"),
        columns.text("callee"),
        columns.dictionary("usage_line"),
        columns.dictionary("currency"),
        columns.int64("amount_delta").tolist(),
        [event.partition] * count,
        [event.sequence] * count,
        strict=True,
    )

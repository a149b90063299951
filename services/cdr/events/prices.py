"""Writes what rating made of each call beside the call."""

from collections.abc import Iterator

from chassis import columns
from chassis.bus.handler import EventHandler, ReceivedEvent, one_by_one
from chassis.database.unit_of_work import UnitOfWork
from services.cdr.store.calls import Price, write_prices
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import Party


def on_calls_rated(uow: UnitOfWork, event: ReceivedEvent[CallsRated]) -> None:
    """Keep the customer's price of each call; fees have no call."""
    prices = _prices(columns.decode(event.body.charges))
    write_prices(uow.connection, event.tenant_id, prices)


def _prices(charges: columns.Columns) -> Iterator[Price]:
    rows = zip(
        charges.uint8("party").tolist(),
        charges.key16("call_id"),
        charges.int32("call_revision").tolist(),
        charges.key16("charge_id"),
        charges.int32("revision").tolist(),
        charges.uint8("outcome").tolist(),
        charges.dictionary("unrated_reason"),
        charges.dictionary("currency"),
        charges.int64("amount").tolist(),
        strict=True,
    )
    for (
        party,
        call_id,
        call_revision,
        charge_id,
        revision,
        outcome,
        reason,
        currency,
        amount,
    ) in rows:
        if call_id is None or charge_id is None or party != Party.PARTY_CUSTOMER:
            continue
        micros = amount if currency else None
        yield Price(call_id, call_revision, charge_id, revision, outcome, reason, currency, micros)


CALLS_RATED = EventHandler(CallsRated, one_by_one(on_calls_rated))

"""Applies CallsRated: the settled calls of customers are held against the rules."""

import numpy as np

from chassis.bus.handler import ReceivedEvent
from chassis.columns import Columns, decode
from chassis.database.unit_of_work import UnitOfWork
from services.fraud.domain.calls import Calls, Integers
from services.fraud.usecases.watch_calls import watch_calls
from tollbook.rating.v1.charge_pb2 import ChargeKind
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import Party


def on_calls_rated(uow: UnitOfWork, event: ReceivedEvent[CallsRated]) -> None:
    """Watch a batch. Fees are no calls; a reseller's charge repeats its customer's call."""
    watch_calls(uow, event.tenant_id, to_calls(decode(event.body.charges)))


def to_calls(columns: Columns) -> Calls:
    """The customers' calls of a batch."""
    is_call = columns.uint8("kind") == ChargeKind.CHARGE_KIND_CALL
    rows = np.flatnonzero(is_call & (columns.uint8("party") == Party.PARTY_CUSTOMER))
    charge_ids = np.array([key or b"" for key in columns.key16("charge_id")], dtype="V16")
    account_codes, accounts = columns.dictionary_codes("account_id")
    currency_codes, currencies = columns.dictionary_codes("currency")

    def integers(name: str) -> Integers:
        return columns.int64(name)[rows]

    return Calls(
        charge_ids=charge_ids[rows],
        revisions=columns.int32("revision")[rows].astype(np.int64),
        account_codes=account_codes[rows].astype(np.int64),
        accounts=accounts,
        currency_codes=currency_codes[rows].astype(np.int64),
        currencies=currencies,
        amounts=integers("amount"),
        amount_deltas=integers("amount_delta"),
        start_micros=integers("start_time"),
        charged_ms=integers("charged_duration"),
    )

"""Applies CallsRated: the settled calls of customers are held against the rules."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial

import numpy as np

from chassis.bus.handler import ReceivedEvent
from chassis.columns import Columns, decode
from chassis.database.unit_of_work import UnitOfWork
from services.fraud.domain.calls import Calls, Integers
from services.fraud.usecases.watch_calls import watch_calls
from tollbook.rating.v1.charge_pb2 import ChargeKind
from tollbook.rating.v1.rating_events_pb2 import CallsRated
from tollbook.type.v1.call_pb2 import Party
from tollbook.type.v1.columns_pb2 import ColumnBatch


def on_calls_rated(uow: UnitOfWork, events: Sequence[ReceivedEvent[CallsRated]]) -> None:
    """Watch batches, all those of a tenant at once."""
    batches: defaultdict[str, list[ColumnBatch]] = defaultdict(list)
    for event in events:
        batches[event.tenant_id].append(event.body.charges)
    for tenant_id, batches_of_tenant in sorted(batches.items()):
        watch_calls(uow, tenant_id, partial(to_calls, batches_of_tenant))


def to_calls(batches: Sequence[ColumnBatch]) -> Calls:
    """The customers' calls. Fees are no calls; a reseller's charge repeats its customer's call."""
    decoded = [decode(batch) for batch in batches]
    kinds, parties = (
        np.concatenate([columns.uint8(name) for columns in decoded]) for name in ("kind", "party")
    )
    is_call = (kinds == ChargeKind.CHARGE_KIND_CALL) & (parties == Party.PARTY_CUSTOMER)
    rows = np.flatnonzero(is_call)
    keys = [key or b"" for columns in decoded for key in columns.key16("charge_id")]
    revisions = np.concatenate([columns.int32("revision") for columns in decoded])
    account_codes, accounts = _codes(decoded, "account_id")
    currency_codes, currencies = _codes(decoded, "currency")

    def integers(name: str) -> Integers:
        return np.concatenate([columns.int64(name) for columns in decoded])[rows]

    return Calls(
        charge_ids=np.array(keys, dtype="V16")[rows],
        revisions=revisions[rows].astype(np.int64),
        account_codes=account_codes[rows],
        accounts=accounts,
        currency_codes=currency_codes[rows],
        currencies=currencies,
        amounts=integers("amount"),
        amount_deltas=integers("amount_delta"),
        start_micros=integers("start_time"),
        charged_ms=integers("charged_duration"),
    )


def _codes(batches: Sequence[Columns], name: str) -> tuple[Integers, list[str]]:
    """Texts of several batches as indexes into one list of distinct texts."""
    places: dict[str, int] = {}
    codes = []
    for columns in batches:
        own_codes, words = columns.dictionary_codes(name)
        common = [places.setdefault(word, len(places)) for word in words]
        codes.append(np.array(common, dtype=np.int64)[own_codes])
    return np.concatenate(codes), list(places)

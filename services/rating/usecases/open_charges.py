"""The first revisions of the charges of a batch, made by column.

Naming thirty fields for each call would cost more than pricing it.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

from services.rating.domain.bulk.call_batch import CallBatch, PricedCall
from services.rating.domain.charges.charge import KIND_OF_SERVICE, ChargeRevision
from services.rating.domain.quantity import MS_PER_SECOND
from services.rating.usecases.booking import Booked

Columns = dict[str, Iterable[Any]]


def open_charges(
    charge_ids: Sequence[bytes],
    calls: CallBatch,
    prices: Sequence[PricedCall],
    periods: Sequence[Booked],
    the_same: Mapping[str, Any],
) -> list[ChargeRevision]:
    """The charge of each call as if none were known; `the_same` are columns of one value."""
    columns: Columns = {
        "charge_id": charge_ids,
        "revision": repeat(1),
        **{name: repeat(value) for name, value in the_same.items()},
        **_of_calls(calls),
        **_of_prices(prices),
        **_of_periods(periods),
    }
    rows = zip(*(columns[name] for name in ChargeRevision._fields))  # noqa: B905 repeats never end
    return list(map(ChargeRevision._make, rows))


def _of_calls(calls: CallBatch) -> Columns:
    return {
        "kind": map(KIND_OF_SERVICE.__getitem__, calls.services),
        "party": calls.parties,
        "party_level": calls.levels,
        "call_key_kind": calls.call_key_kinds,
        "call_key": calls.call_keys,
        "leg": calls.legs,
        "call_id": calls.call_ids,
        "call_revision": calls.call_revisions,
        "account_id": calls.account_ids,
        "payer_account_id": calls.payer_account_ids,
        "start_time": calls.starts_micros,
        "duration_ms": calls.durations_ms,
    }


def _of_prices(prices: Sequence[PricedCall]) -> Columns:
    price = dict(zip(PricedCall._fields, zip(*prices, strict=True), strict=True))
    return {
        "outcome": map(int, price["outcome"]),
        "unrated_reason": price["unrated_reason"],
        "currency": price["currency"],
        "amount_micros": price["amount_micros"],
        "amount_delta_micros": price["amount_micros"],
        "usage_line": price["usage_line"],
        "prefix": price["prefix"],
        "charged_ms": (seconds * MS_PER_SECOND for seconds in price["charged_quantity"]),
        "receipt": price["receipt"],
    }


def _of_periods(periods: Sequence[Booked]) -> Columns:
    starts, ends, corrections = zip(*periods, strict=True)
    return {"period_start": starts, "period_end": ends, "correction": corrections}

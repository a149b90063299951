"""The first revisions of the charges of a batch, made by column."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kernel.clock import MS_PER_SECOND
from services.rating.domain.bulk.call_batch import CallBatch, PricedCall
from services.rating.domain.charges.charge import KIND_OF_SERVICE, ChargeRevision
from services.rating.domain.charges.charge_columns import ChargeColumns
from services.rating.usecases.settling.booking import Booked

Columns = dict[str, Sequence[Any]]


def open_charges(
    charge_ids: Sequence[bytes],
    calls: CallBatch,
    prices: Sequence[PricedCall],
    periods: Sequence[Booked],
    the_same: Mapping[str, Any],
) -> ChargeColumns:
    """The charge of each call as if none were known; `the_same` are columns of one value."""
    columns: Columns = {
        "charge_id": charge_ids,
        **{name: [value] * len(calls) for name, value in {"revision": 1, **the_same}.items()},
        **_of_calls(calls),
        **_of_prices(prices),
        **_of_periods(periods),
    }
    return ChargeColumns([columns[name] for name in ChargeRevision._fields])


def _of_calls(calls: CallBatch) -> Columns:
    return {
        # Drivers take long over what only counts as an integer.
        "kind": [int(KIND_OF_SERVICE[service]) for service in calls.services],
        "party": list(map(int, calls.parties)),
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


def _of_prices(prices: Iterable[PricedCall]) -> Columns:
    price = dict(zip(PricedCall._fields, zip(*prices, strict=True), strict=True))
    return {
        "outcome": list(map(int, price["outcome"])),
        "unrated_reason": price["unrated_reason"],
        "currency": price["currency"],
        "amount_micros": price["amount_micros"],
        "amount_delta_micros": price["amount_micros"],
        "usage_line": price["usage_line"],
        "prefix": price["prefix"],
        "charged_ms": [seconds * MS_PER_SECOND for seconds in price["charged_quantity"]],
        "receipt": price["receipt"],
    }


def _of_periods(periods: Iterable[Booked]) -> Columns:
    starts, ends, corrections = zip(*periods, strict=True)
    return {"period_start": starts, "period_end": ends, "correction": corrections}

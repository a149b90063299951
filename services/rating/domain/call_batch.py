"""Pricing a batch of calls: each finds its terms, then all calls of the same terms go together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from kernel.e164 import NumberKind
from services.rating.domain import receipt
from services.rating.domain.account import Account, Subscription, plan_in_force
from services.rating.domain.errors import (
    CURRENCY_MISMATCH,
    INVALID_DURATION,
    NO_PLAN,
    NO_RATE,
    UNKNOWN_ACCOUNT,
)
from services.rating.domain.prefix_table import NO_ROW, Int32s, PrefixTable, padded_columns
from services.rating.domain.pricing import is_valid_duration
from services.rating.domain.pricing_columns import price_calls
from services.rating.domain.settlement import Outcome
from services.rating.domain.tariff import Tariff, Terms

UNANSWERED_LINE = "Unanswered calls"
EMERGENCY_LINE = "Emergency calls"


@dataclass(frozen=True, slots=True)
class CallBatch:
    """Calls as columns, a place a call."""

    call_ids: Sequence[bytes]
    call_revisions: Sequence[int]
    call_key_kinds: Sequence[int]
    call_keys: Sequence[str]
    legs: Sequence[str]
    account_ids: Sequence[str]
    payer_account_ids: Sequence[str]
    callers: Sequence[str]
    callees: Sequence[str]
    callee_kinds: Sequence[int]
    starts_micros: Sequence[int]
    durations_ms: Sequence[int]
    answered: Sequence[int]

    def __len__(self) -> int:
        return len(self.call_ids)

    def select(self, places: Sequence[int]) -> CallBatch:
        """The calls at some places."""
        columns = (getattr(self, column.name) for column in fields(self))
        return CallBatch(*([column[place] for place in places] for column in columns))


class PricedCall(NamedTuple):
    """How the pricing of one call ended."""

    outcome: Outcome
    unrated_reason: str
    currency: str
    amount_micros: int
    charged_seconds: int
    usage_line: str
    prefix: str
    receipt: bytes


class Customers(NamedTuple):
    """What is known of the accounts of a batch."""

    accounts: Mapping[str, Account]
    subscriptions: Mapping[str, Sequence[Subscription]]


def unrated(reason: str) -> PricedCall:
    """A call without a price."""
    return PricedCall(Outcome.UNRATED, reason, "", 0, 0, "", "", b"")


def price_batch(
    calls: CallBatch,
    customers: Customers,
    tariff: Tariff,
    table_of: Callable[[str], PrefixTable],
) -> list[PricedCall]:
    """The price of every call; `table_of` gives the compiled rows of a deck version."""
    priced: list[PricedCall] = []
    together: dict[int, tuple[Terms, list[int]]] = {}
    for place in range(len(calls)):
        found = _terms_or_end(calls, place, customers, tariff)
        if isinstance(found, Terms):
            together.setdefault(id(found), (found, []))[1].append(place)
            priced.append(_NO_RATE)
        else:
            priced.append(found)
    for terms, places in together.values():
        for place, price in _price_together(calls, np.array(places, np.int32), terms, table_of):
            priced[place] = price
    return priced


_NO_RATE = unrated(NO_RATE)


def _terms_or_end(
    calls: CallBatch, place: int, customers: Customers, tariff: Tariff
) -> Terms | PricedCall:
    """The terms that price a call, or how its pricing ends without any."""
    account = customers.accounts.get(calls.account_ids[place])
    payer = customers.accounts.get(calls.payer_account_ids[place])
    if account is None or payer is None:
        return unrated(UNKNOWN_ACCOUNT)
    if account.currency != payer.currency:
        return unrated(CURRENCY_MISMATCH)
    ended = _end_by_nature(calls, place, account.currency)
    if ended is not None:
        return ended
    start = calls.starts_micros[place]
    plan_id = plan_in_force(customers.subscriptions.get(account.account_id, ()), start)
    terms = tariff.terms_at(plan_id, start) if plan_id else None
    if terms is None:
        return unrated(NO_PLAN)
    return terms if terms.currency == account.currency else unrated(CURRENCY_MISMATCH)


def _end_by_nature(calls: CallBatch, place: int, currency: str) -> PricedCall | None:
    """How a call ends that no terms are needed for; None for any other."""
    duration_ms = calls.durations_ms[place]
    if not is_valid_duration(duration_ms):
        return unrated(INVALID_DURATION)
    if calls.callee_kinds[place] == NumberKind.EMERGENCY:
        return _free(receipt.EMERGENCY, EMERGENCY_LINE, currency, duration_ms)
    if not calls.answered[place]:
        return _free(receipt.UNANSWERED, UNANSWERED_LINE, currency, duration_ms)
    return None


def _free(why: str, usage_line: str, currency: str, duration_ms: int) -> PricedCall:
    content = receipt.free_call(why, currency, duration_ms)
    return PricedCall(Outcome.ZERO, "", currency, 0, 0, usage_line, "", content)


def _price_together(
    calls: CallBatch,
    places: Int32s,
    terms: Terms,
    table_of: Callable[[str], PrefixTable],
) -> Iterator[tuple[int, PricedCall]]:
    """Price calls of the same terms; a number that no deck knows gives nothing."""
    # A short code is no international number, even where its digits look like one.
    numbers, lengths = padded_columns(
        [
            calls.callees[place] if calls.callee_kinds[place] == NumberKind.E164 else ""
            for place in places
        ]
    )
    for version_id in terms.deck_version_ids:
        if not len(places):
            return
        table = table_of(version_id)
        rows = table.match(numbers, lengths)
        known = rows != NO_ROW
        yield from _price_rows(calls, places[known], terms, version_id, (table, rows[known]))
        places, numbers, lengths = places[~known], numbers[~known], lengths[~known]


def _price_rows(
    calls: CallBatch,
    places: Int32s,
    terms: Terms,
    version_id: str,
    match: tuple[PrefixTable, Int32s],
) -> Iterator[tuple[int, PricedCall]]:
    table, rows = match
    durations = np.array([calls.durations_ms[place] for place in places], np.int64)
    revision = terms.revision
    charged, amounts = price_calls(
        table, rows, durations, revision.duration_rounding, revision.price_rule
    )
    head = receipt.terms_head(terms.currency, revision)
    heads = {}
    for row in np.unique(rows).tolist():
        rate = table.rate(row)
        heads[row] = (rate.destination, rate.prefix, receipt.rate_head(head, version_id, rate))
    for place, row, duration_ms, seconds, amount in zip(
        places.tolist(),
        rows.tolist(),
        durations.tolist(),
        charged.tolist(),
        amounts.tolist(),
        strict=True,
    ):
        destination, prefix, head = heads[row]
        content = receipt.priced_call(head, duration_ms, seconds, amount)
        outcome = Outcome.RATED if amount else Outcome.ZERO
        yield (
            place,
            PricedCall(outcome, "", terms.currency, amount, seconds, destination, prefix, content),
        )

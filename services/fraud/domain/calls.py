"""Settled calls in column form, and which of them are a rule's business."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from services.fraud.domain.rule import FraudRule

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
# 16 bytes each; not text, which would lose the zeros at its end.
Keys = npt.NDArray[np.void]

MINUTE_MS = 60_000
# Two months. A longer call is judged as if it had lasted this long, and stays dear.
DURATION_MAX_MS = 90_000 * MINUTE_MS
FIRST_REVISION = 1


@dataclass(frozen=True, slots=True, eq=False)
class Calls:
    """Charge revisions of customers' calls, a row each.

    Accounts and currencies are indexes into their lists; an unpriced row's currency is empty.
    """

    charge_ids: Keys
    revisions: Integers
    account_codes: Integers
    accounts: list[str]
    currency_codes: Integers
    currencies: list[str]
    amounts: Integers
    amount_deltas: Integers
    start_micros: Integers
    charged_ms: Integers

    def __len__(self) -> int:
        return len(self.charge_ids)

    def currency_of_accounts(self) -> dict[str, str]:
        """The currency of each account that has a priced call here."""
        pairs = set(zip(self.account_codes.tolist(), self.currency_codes.tolist(), strict=True))
        return {self.accounts[a]: self.currencies[c] for a, c in pairs if self.currencies[c]}

    def unpardoned(self, pardons: Mapping[str, int]) -> Flags:
        """Which calls started after their account's pardon (microseconds; absent: never)."""
        until = np.array([pardons.get(account, -1) for account in self.accounts], dtype=np.int64)
        return self.start_micros > until[self.account_codes]


class Correction(NamedTuple):
    """A further revision of one charge, as a rule sees it."""

    account_id: str
    step: int
    charge_id: bytes
    amount: int
    amount_delta: int
    start_micros: int
    # The call, as it is priced now, is one that the rule counts.
    counts: bool
    # The rule cannot have counted it before: it was not priced, or not dear as far as is known.
    is_new: bool


def corrections(rule: FraudRule, calls: Calls, admitted: Flags) -> Iterator[Correction]:
    """The further revisions that are a rule's business, in their order."""
    # Even a call that is no longer priced: it may have been counted when it was.
    mine = _is_for(rule, calls) | _in_currency(calls, "")
    rows = np.flatnonzero((calls.revisions > FIRST_REVISION) & mine & admitted)
    is_new = calls.amounts == calls.amount_deltas
    if rule.price_limit_micros is not None:
        is_new = np.ones(len(calls), dtype=np.bool_)
    return (
        Correction(calls.accounts[account], *rest)
        for account, *rest in zip(
            calls.account_codes[rows].tolist(),
            (calls.start_micros[rows] // rule.step_micros).tolist(),
            (calls.charge_ids[row].tobytes() for row in rows.tolist()),
            calls.amounts[rows].tolist(),
            calls.amount_deltas[rows].tolist(),
            calls.start_micros[rows].tolist(),
            counted(rule, calls)[rows].tolist(),
            is_new[rows].tolist(),
            strict=True,
        )
    )


def counted(rule: FraudRule, calls: Calls) -> Flags:
    """Which calls, as they are priced now, the rule counts."""
    mine = _is_for(rule, calls)
    if rule.price_limit_micros is None:
        return mine
    return mine & (calls.amounts > _dear_above(rule.price_limit_micros, calls.charged_ms))


def _dear_above(price_limit_micros: int, charged_ms: Integers) -> Integers:
    """What each call may cost before its minutes are dear; one that charged no time had one minute.

    Whole minutes and the rest apart: their product with the price fits 64 bits.
    """
    duration = np.where(charged_ms > 0, np.minimum(charged_ms, DURATION_MAX_MS), MINUTE_MS)
    minutes, rest = np.divmod(duration, MINUTE_MS)
    threshold: Integers = price_limit_micros * minutes + price_limit_micros * rest // MINUTE_MS
    return threshold


def _is_for(rule: FraudRule, calls: Calls) -> Flags:
    if rule.currency is None:
        return np.ones(len(calls), dtype=np.bool_)
    return _in_currency(calls, rule.currency)


def _in_currency(calls: Calls, currency: str) -> Flags:
    matching = np.array([known == currency for known in calls.currencies], dtype=np.bool_)
    return matching[calls.currency_codes]

"""A month of made-up calls: most nearby, some worldwide, a night of fraud, a few too late."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from deploy.local.sample.operator import AURORA, SAMPLE_MONTH, Account
from deploy.local.sample.rate_deck import PricedPrefix, priced_prefixes

CALLS = 2_200
FRAUD_CALLS = 18
FRAUD_ACCOUNT = "A-1008"
LATE_CALLS = 3
LATE_ACCOUNT = "A-1001"
# In no deck: such calls stay without a price until somebody adds one.
UNRATED_CALLEE = "0097912345678"
UNRATED_CALLS = 3
EMERGENCY_CALLEE = "112"
EMERGENCY_CALLS = 2

HOME_CODES = {"EUR": "31", "GBP": "44", "USD": "1"}
_CALLER_PREFIXES = {"EUR": "31205551", "GBP": "442079460", "USD": "12125550"}
_NEIGHBOUR_CODES = ("31", "32", "33", "34", "39", "44", "46", "48", "49", "353", "1")
_NUMBER_DIGITS = 12

_SEED = 20_260_301
# Within the month in every zone of the accounts.
_FIRST = datetime(SAMPLE_MONTH.year, SAMPLE_MONTH.month, 1, 6, tzinfo=UTC)
_SPAN_MINUTES = 30 * 24 * 60
_FRAUD_START = datetime(SAMPLE_MONTH.year, SAMPLE_MONTH.month, 14, 2, 10, tzinfo=UTC)
_TALK_MEAN_MS = 150_000
_TALK_MS_MAX = 3_600_000
_OPENING_HOUR, _CLOSING_HOUR = 7, 19


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it happened; the switches write it down each in their own way."""

    number: int
    account: Account
    caller: str
    callee: str
    start: datetime
    ring_seconds: int
    talk_ms: int
    disposition: str

    @property
    def answer(self) -> datetime | None:
        """When it was answered, if it was."""
        if self.disposition != "ANSWERED":
            return None
        return self.start + timedelta(seconds=self.ring_seconds)

    @property
    def end(self) -> datetime:
        """When it was over."""
        return self.start + timedelta(seconds=self.ring_seconds, milliseconds=self.talk_ms)


def month_of_calls() -> list[Call]:
    """Every call of the month in order of its start, the same ones every time."""
    return _Month().calls()


def late_calls() -> list[Call]:
    """Calls of the month that the switch hands over when it is closed already."""
    return _Month().late_calls()


class _Month:
    def __init__(self) -> None:
        # Made-up traffic, the same on every machine; nothing secret.
        self._random = random.Random(_SEED)  # noqa: S311
        self._accounts = {account.code: account for account in AURORA.accounts}
        self._destinations = _destinations()

    def calls(self) -> list[Call]:
        """The ordinary calls and the remarkable ones."""
        accounts = list(self._accounts.values())
        # Some call more than others.
        weights = [1 + place * place % 7 for place in range(len(accounts))]
        drawn = self._random.choices(accounts, weights, k=CALLS)
        calls = [self._ordinary(account) for account in drawn]
        calls += self._remarkable(UNRATED_CALLEE, UNRATED_CALLS)
        calls += self._remarkable(EMERGENCY_CALLEE, EMERGENCY_CALLS)
        calls += self._fraud()
        calls.sort(key=lambda call: call.start)
        return [replace(call, number=number) for number, call in enumerate(calls, start=1)]

    def late_calls(self) -> list[Call]:
        """Answered calls of the middle of the month."""
        first_number = CALLS + UNRATED_CALLS + EMERGENCY_CALLS + FRAUD_CALLS + 1
        noon = _FIRST.replace(day=17, hour=12)
        calls = []
        for place in range(LATE_CALLS):
            account = self._accounts[LATE_ACCOUNT]
            start = noon + timedelta(minutes=7 * place)
            calls.append(self._answered(account, "00442079460123", start, 125_000))
        return [replace(call, number=first_number + place) for place, call in enumerate(calls)]

    def _ordinary(self, account: Account) -> Call:
        callee = self._callee(account)
        start = self._start()
        outcome = self._random.random()
        if outcome < 0.82:
            talk_ms = min(_TALK_MS_MAX, 800 + int(self._random.expovariate(1 / _TALK_MEAN_MS)))
            return self._answered(account, callee, start, talk_ms)
        disposition = "NO ANSWER" if outcome < 0.93 else "BUSY" if outcome < 0.99 else "FAILED"
        return self._call(account, callee, start, 0, disposition)

    def _remarkable(self, callee: str, count: int) -> Iterator[Call]:
        account = self._accounts["A-1006"]
        for _ in range(count):
            yield self._answered(account, callee, self._start(), 42_000)

    def _fraud(self) -> Iterator[Call]:
        """A taken-over telephone calls satellites at night."""
        account = self._accounts[FRAUD_ACCOUNT]
        for place in range(FRAUD_CALLS):
            callee = f"00881641{self._random.randrange(10_000, 100_000)}"
            start = _FRAUD_START + timedelta(seconds=55 * place)
            yield self._answered(account, callee, start, self._random.randrange(30_000, 50_000))

    def _answered(self, account: Account, callee: str, start: datetime, talk_ms: int) -> Call:
        return self._call(account, callee, start, talk_ms, "ANSWERED")

    def _call(
        self, account: Account, callee: str, start: datetime, talk_ms: int, disposition: str
    ) -> Call:
        caller = _CALLER_PREFIXES[account.currency] + account.code[-3:]
        ring_seconds = self._random.randrange(2, 25)
        return Call(0, account, caller, callee, start, ring_seconds, talk_ms, disposition)

    def _start(self) -> datetime:
        """More often by day than by night."""
        start = _FIRST + timedelta(minutes=self._random.randrange(_SPAN_MINUTES))
        if not _OPENING_HOUR <= start.hour < _CLOSING_HOUR and self._random.random() < 0.8:
            start = start.replace(hour=self._random.randrange(_OPENING_HOUR, _CLOSING_HOUR))
        return start + timedelta(seconds=self._random.randrange(60))

    def _callee(self, account: Account) -> str:
        """Most calls stay at home, a third goes to neighbours, a few go anywhere."""
        home = HOME_CODES[account.currency]
        where = self._random.random()
        if where < 0.6:
            group = self._destinations[home]
        elif where < 0.93:
            group = self._destinations[self._random.choice(_NEIGHBOUR_CODES)]
        else:
            group = self._destinations[""]
        prefix = self._random.choice(group).prefix
        missing = max(4, _NUMBER_DIGITS - len(prefix))
        number = prefix + "".join(self._random.choices("23456789", k=missing))
        return f"00{number}"


def _destinations() -> dict[str, Sequence[PricedPrefix]]:
    """What is usually called, by country code; '' has everything."""
    usual = [priced for priced in priced_prefixes() if not priced.is_special]
    by_code = {
        code: [priced for priced in usual if priced.country_code == code]
        for code in {*_NEIGHBOUR_CODES, *HOME_CODES.values()}
    }
    return {**by_code, "": [priced for priced in usual if not priced.country_code.startswith("88")]}

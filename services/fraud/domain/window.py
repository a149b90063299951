"""Sliding windows: what an account did, step by step, and which windows hold too much of it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from services.fraud.domain.calls import FIRST_REVISION, Calls, Correction, Flags, counted
from services.fraud.domain.rule import STEPS_PER_WINDOW, FraudRule

CHARGE_ID_BYTES = 16
CHARGES_PER_STEP_MAX = 100
EVIDENCE_CHARGES_MAX = 100


@dataclass(slots=True)
class Step:
    """What one account did for one rule in one step of time.

    It remembers its first charges by id; a correction of a forgotten one changes the money only.
    """

    call_count: int
    spent_micros: int
    # 16 bytes each, in order of arrival.
    charge_ids: bytes
    first_call_micros: int
    last_call_micros: int

    def add(self, more: "Step") -> None:
        """Count further calls of the same step."""
        if self.call_count:
            self.first_call_micros = min(self.first_call_micros, more.first_call_micros)
            self.last_call_micros = max(self.last_call_micros, more.last_call_micros)
        else:
            self.first_call_micros = more.first_call_micros
            self.last_call_micros = more.last_call_micros
        self.call_count += more.call_count
        self.spent_micros += more.spent_micros
        if len(self.charge_ids) < CHARGES_PER_STEP_MAX * CHARGE_ID_BYTES:
            joined = self.charge_ids + more.charge_ids
            self.charge_ids = joined[: CHARGES_PER_STEP_MAX * CHARGE_ID_BYTES]

    def correct(self, correction: Correction) -> bool:
        """Take a further revision of a charge in; False when it changes nothing."""
        charge_ids = split_keys(self.charge_ids)
        if correction.charge_id in charge_ids:
            return self._correct_known(correction, charge_ids)
        if not correction.counts:
            return False
        if self.call_count > len(charge_ids):
            self.spent_micros += correction.amount_delta
            return True
        if correction.is_new:
            self.add(_step_of(correction))
        return correction.is_new

    def _correct_known(self, correction: Correction, charge_ids: list[bytes]) -> bool:
        if correction.counts:
            self.spent_micros += correction.amount_delta
            return True
        charge_ids.remove(correction.charge_id)
        self.charge_ids = b"".join(charge_ids)
        self.call_count -= 1
        self.spent_micros -= correction.amount - correction.amount_delta
        return True


def empty_step() -> Step:
    """A step in which nothing happened yet."""
    return Step(0, 0, b"", 0, 0)


def _step_of(correction: Correction) -> Step:
    start = correction.start_micros
    return Step(1, correction.amount, correction.charge_id, start, start)


def split_keys(keys: bytes) -> list[bytes]:
    """The 16-byte keys that are written back to back."""
    return [keys[at : at + CHARGE_ID_BYTES] for at in range(0, len(keys), CHARGE_ID_BYTES)]


def first_settlements(
    rule: FraudRule, calls: Calls, admitted: Flags
) -> dict[tuple[str, int], Step]:
    """What a batch adds to each account and step by calls that are settled for the first time."""
    counts = counted(rule, calls) & (calls.revisions == FIRST_REVISION) & admitted
    rows = np.flatnonzero(counts)
    if not len(rows):
        return {}
    steps = calls.start_micros // rule.step_micros
    rows = rows[np.lexsort((calls.start_micros[rows], calls.account_codes[rows]))]
    accounts, numbers, starts = calls.account_codes[rows], steps[rows], calls.start_micros[rows]
    is_first = np.append(True, (np.diff(accounts) != 0) | (np.diff(numbers) != 0))
    bounds = np.flatnonzero(is_first)
    ends = np.append(bounds[1:], len(rows))
    groups = zip(
        accounts[bounds].tolist(),
        numbers[bounds].tolist(),
        bounds.tolist(),
        ends.tolist(),
        np.add.reduceat(calls.amounts[rows], bounds).tolist(),
        starts[bounds].tolist(),
        starts[ends - 1].tolist(),
        strict=True,
    )
    charge_ids = calls.charge_ids[rows]
    return {
        (calls.accounts[account], number): Step(
            end - begin, spent, charge_ids[begin:end].tobytes(), first, last
        )
        for account, number, begin, end, spent, first, last in groups
    }


Steps = Mapping[int, Step]


@dataclass(frozen=True, slots=True)
class Window:
    """A window over its limit, by its first and last step that hold calls."""

    first_step: int
    last_step: int
    measure: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a window held: the sums, and the newest of its charges."""

    call_count: int
    spent_micros: int
    charge_ids: tuple[bytes, ...]
    first_call_micros: int
    last_call_micros: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Broken windows of which each shares calls with the next: their span, and the fullest."""

    start_micros: int
    end_micros: int
    evidence: Evidence


def find_broken(rule: FraudRule, steps: Steps, changed: set[int]) -> list[Finding]:
    """What is broken in an account's steps, as far as the changed ones can have broken it."""
    groups: list[list[Window]] = []
    for window in _broken_windows(rule, steps, changed):
        if groups and window.first_step <= groups[-1][-1].last_step:
            groups[-1].append(window)
        else:
            groups.append([window])
    return [_finding(steps, group) for group in groups]


def _broken_windows(rule: FraudRule, steps: Steps, changed: set[int]) -> Iterator[Window]:
    """Each window that ends with a call, holds a changed step and holds more than the limit."""
    measures = [
        (number, rule.measure(step.call_count, step.spent_micros))
        for number, step in sorted(steps.items())
        if step.call_count
    ]
    held, first, last_changed = 0, 0, min(steps) - STEPS_PER_WINDOW
    for number, measure in measures:
        held += measure
        while measures[first][0] <= number - STEPS_PER_WINDOW:
            held -= measures[first][1]
            first += 1
        if number in changed:
            last_changed = number
        if held > rule.limit and last_changed > number - STEPS_PER_WINDOW:
            yield Window(measures[first][0], number, held)


def _finding(steps: Steps, windows: Sequence[Window]) -> Finding:
    fullest = max(windows, key=lambda window: window.measure)
    return Finding(
        start_micros=steps[windows[0].first_step].first_call_micros,
        end_micros=steps[windows[-1].last_step].last_call_micros,
        evidence=_evidence(steps, fullest),
    )


def _evidence(steps: Steps, window: Window) -> Evidence:
    held = [
        step
        for number, step in sorted(steps.items(), reverse=True)
        if window.first_step <= number <= window.last_step and step.call_count
    ]
    return Evidence(
        call_count=sum(step.call_count for step in held),
        spent_micros=sum(step.spent_micros for step in held),
        charge_ids=_newest_charges(held),
        first_call_micros=min(step.first_call_micros for step in held),
        last_call_micros=max(step.last_call_micros for step in held),
    )


def _newest_charges(newest_first: Iterable[Step]) -> tuple[bytes, ...]:
    # A charge's id begins with the time of its call.
    keys = (sorted(split_keys(step.charge_ids), reverse=True) for step in newest_first)
    newest = list(chain.from_iterable(keys))
    return tuple(sorted(newest[:EVIDENCE_CHARGES_MAX]))

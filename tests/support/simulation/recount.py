"""What must be true of money, counted anew from a list of facts, knowing nothing of the code."""

from __future__ import annotations

from collections import Counter
from typing import Any


class ViolationError(AssertionError):
    """A schedule ended in what must never be."""


class MoneyRecount:
    """Every account's money by what payment was told and what it answered, a fact at a time."""

    def __init__(self, limits: dict[str, int], caps: dict[str, int] | None = None) -> None:
        """`limits` has the credit limit of each account, `caps` what it may spend that day."""
        self._limits = limits
        self._caps = caps or {}
        self.paid_in: Counter[str] = Counter()
        self.held: dict[str, tuple[str, int]] = {}
        self.posted: Counter[str] = Counter()
        self.revisions: dict[tuple[bytes, int], int] = {}
        self.charges: Counter[bytes] = Counter()
        self.unbacked: Counter[str] = Counter()
        """What was posted of each account beyond the hold it had at that time."""
        self.released: set[str] = set()
        self._calls: dict[str, str] = {}
        self._refused: set[str] = set()
        """Calls of which the last thing that was asked of payment was refused."""
        self.promoted: Counter[str] = Counter()
        """What is left of promotional credit, which is spent before anything else."""
        self._expired: set[str] = set()
        self._answers: dict[str, Any] = {}

    def is_repetition(self, request_id: str, result: Any) -> bool:
        """Whether a step was executed before; it must have been answered alike then."""
        if request_id not in self._answers:
            self._answers[request_id] = result
            return False
        if (first := self._answers[request_id]) != result:
            raise ViolationError(f"{request_id} was answered {first}, and now {result}")
        return True

    def pay(self, account_id: str, micros: int) -> None:
        """Money came in, or went out."""
        self.paid_in[account_id] += micros
        if micros < 0:
            self._require_cover(account_id, f"{-micros} were paid out")

    def promote(self, account_id: str, micros: int) -> None:
        """Credit was given, and not paid for."""
        self.paid_in[account_id] += micros
        self.promoted[account_id] += micros

    def expire_promotion(self, account_id: str) -> None:
        """What is left of the credit is there for the holds that rely on it, and for no others."""
        self._expired.add(account_id)

    def take_back(self, account_id: str, micros: int) -> None:
        """Credit that has expired is gone."""
        self.paid_in[account_id] -= micros
        self.promoted[account_id] -= micros
        if (free := self.free(account_id)) < 0:
            raise ViolationError(f"OVERSPEND: {micros} of credit were taken back, {free} are left")

    def ask(self, hold_id: str, call: str) -> None:
        """A hold was asked for; a call has one for each account that it is charged to."""
        self._calls[hold_id] = call

    def refuse(self, hold_id: str) -> None:
        """What was asked for a hold was refused, so its call is granted nothing on others."""
        self._refused.add(self._call_of(hold_id))

    def hold(self, hold_id: str, account_id: str, micros: int) -> None:
        """A hold has so much from now on."""
        self._refused.discard(self._call_of(hold_id))
        _, before = self.held.get(hold_id, (account_id, 0))
        self.held[hold_id] = (account_id, micros)
        if micros > before:
            what = f"{hold_id} was raised from {before} to {micros}"
            self._require_cover(account_id, what)
            self._require_cap(account_id, what)

    def end(self, hold_id: str) -> None:
        """A hold has nothing any more."""
        self.held.pop(hold_id, None)

    def release(self, hold_id: str) -> None:
        """A hold is given back: nothing may be owed for it any more.

        Unless its call was granted nothing on it: what such a call owes, it has used without.
        """
        if hold_id in self.held and self._call_of(hold_id) not in self._refused:
            self.released.add(hold_id)
        self.end(hold_id)

    def post(
        self, account_id: str, hold_id: str, charge: bytes, revision: int, micros: int
    ) -> None:
        """A charge's revision was posted, and paid out of a hold as far as it goes."""
        if (charge, revision) in self.revisions:
            raise ViolationError(f"revision {revision} of {charge.hex()} was posted twice")
        self.revisions[charge, revision] = micros
        self.charges[charge] += micros
        self.posted[account_id] += micros
        self.promoted[account_id] -= min(self.promoted[account_id], max(0, micros))
        if hold_id in self.released and micros > 0:
            raise ViolationError(f"{hold_id} was released, and {micros} are owed for it")
        _, held = self.held.pop(hold_id, (account_id, 0))
        self.unbacked[account_id] += max(0, micros - held)

    def balance(self, account_id: str) -> int:
        """What came in, less what was posted."""
        return self.paid_in[account_id] - self.posted[account_id]

    def held_of(self, account_id: str) -> int:
        """What is set aside."""
        return sum(micros for owner, micros in self.held.values() if owner == account_id)

    def free(self, account_id: str) -> int:
        """What nobody has spent or set aside, credit included."""
        return self.balance(account_id) + self._limits[account_id] - self.held_of(account_id)

    def check_end(self) -> None:
        """Nothing is held for ever, and debts are no larger than what nothing was held for."""
        if self.held:
            raise ViolationError(f"still held when everything is over: {self.held}")
        for account_id, unbacked in self.unbacked.items():
            if self.free(account_id) + unbacked < 0:
                raise ViolationError(
                    f"{account_id} owes {-self.free(account_id)} beyond its limit, of which only "
                    f"{unbacked} were charged beyond what was held"
                )

    def _call_of(self, hold_id: str) -> str:
        return self._calls.get(hold_id, hold_id)

    def _require_cover(self, account_id: str, what: str) -> None:
        expired = self.promoted[account_id] if account_id in self._expired else 0
        if (free := self.free(account_id) - expired) < 0:
            raise ViolationError(f"OVERSPEND: {what}, and {account_id} has {free} left")

    def _require_cap(self, account_id: str, what: str) -> None:
        if (cap := self._caps.get(account_id)) is None:
            return
        if (spent := self.posted[account_id] + self.held_of(account_id)) > cap:
            raise ViolationError(f"CAP: {what}, and {account_id} may spend {cap}, not {spent}")
